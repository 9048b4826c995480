"""Real kubectl and we, before the same servers: what each of them saw must be alike."""
