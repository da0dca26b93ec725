"""Webmail: routes, pages, event stream."""
