"""What an account may send."""
