"""The daemons of the suite, as twistd names them."""

from twisted.application.service import ServiceMaker

mx = ServiceMaker("mx", "mailsuite.daemons.mx", "Hear mail from other hosts.", "mailsuite-mx")
msa = ServiceMaker("msa", "mailsuite.daemons.msa", "Hear mail from mail programs.", "mailsuite-msa")
out = ServiceMaker("out", "mailsuite.daemons.out", "Transfer mail to other hosts.", "mailsuite-out")
mda = ServiceMaker("mda", "mailsuite.daemons.mda", "File mail into mailboxes.", "mailsuite-mda")
dns = ServiceMaker("dns", "mailsuite.daemons.dns", "Answer for the hosted domains, forward the rest.", "mailsuite-dns")
web = ServiceMaker("web", "mailsuite.daemons.web", "Serve the webmail.", "mailsuite-web")
tend = ServiceMaker("tend", "mailsuite.daemons.tend", "Reconcile, report, collect garbage.", "mailsuite-tend")
all_in_one = ServiceMaker("all", "mailsuite.daemons.all", "All of them in one process.", "mailsuite")
