"""Process mechanics: settings, services, sockets, logs, threads, metrics."""
