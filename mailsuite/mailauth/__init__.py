"""Who sent a message: SPF, DKIM, DMARC, ARC, Authentication-Results. No I/O: DNS answers are passed in."""
