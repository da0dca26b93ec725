"""The nouns of mail as frozen values; standard library only."""
