"""Real peers and labs."""
