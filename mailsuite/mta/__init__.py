"""Between hosts: receive, trace, route, relay, notices."""
