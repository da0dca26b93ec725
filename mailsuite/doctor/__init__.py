"""Is a domain's DNS right, wherever it is hosted?"""
