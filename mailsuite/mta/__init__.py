"""Between hosts: receive, trace, route, relay, retry, bounce."""
