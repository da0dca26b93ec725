"""Internet messages without I/O: headers, structure, text, sanitiser, composing, notices."""
