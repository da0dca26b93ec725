"""Real peers and labs, some in network namespaces: see netns.py and root.py."""
