"""What the joined views show of pods, containers, nodes, groups and findings."""
