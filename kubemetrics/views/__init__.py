"""Views of a snapshot (pods, containers, nodes, groups) and the doctor's findings."""
