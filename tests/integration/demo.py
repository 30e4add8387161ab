# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""The demonstration of tools/quickstart: amavisd on loopback, a sink as next hop, three mails."""

import os
import unittest

import rig


class Demo(unittest.TestCase):
    def runTest(self):
        pass


def show(title, reply, event, sink_count):
    recipient = event["recipients"][0]
    print("\n   %s" % title)
    print("     answer to the client   %s" % reply)
    print("     category               %s" % event["category"])
    for finding in event["findings"]:
        print("     finding                %s: %s (by %s)" %
              (finding["kind"], finding["name"], finding["scanner"]))
    print("     what happened          %s" % recipient["destiny"])
    if recipient.get("quarantine"):
        print("     quarantine             %s" % recipient["quarantine"])
    print("     mails at the next hop  %d" % sink_count)


def main():
    case = Demo()
    failed = 1
    try:
        sink = rig.Sink(case)
        daemon = rig.Daemon(case, forward=sink.port, user="amavis" if os.geteuid() == 0 else None,
                            config="[scanner clamav]\ndatabase = none\n"
                            "[policy]\nbanned_destiny = reject\n")
        print("   amavisd serves on 127.0.0.1:%d, next hop 127.0.0.1:%d" % (daemon.port, sink.port))
        mails = (("a clean mail", rig.message(), "clean"),
                 ("the EICAR test virus in an attachment",
                  rig.attachment("eicar.com", rig.EICAR), "virus"),
                 ("a program in an attachment",
                  rig.attachment("setup.exe", b"MZ" + bytes(600)), "banned"))
        good = 0
        for n, (title, mail, want) in enumerate(mails):
            reply = rig.send(daemon.port, mail)
            event = daemon.event(n + 1)
            show(title, reply, event, len(sink.mails))
            good += event["category"] == want
        failed = 0 if good == len(mails) and len(sink.mails) == 1 else 1
        print("\n   in quarantine (amavisctl quarantine list):")
        print("     " + daemon.ctl("quarantine", "list").stdout.decode().strip()
              .replace("\n", "\n     "))
    finally:
        case.doCleanups()
    if failed:
        print("\nThis is not what should have happened.")
        return failed
    print("""
It works.  To go on:
  ./configure --prefix=/usr --sysconfdir=/etc && make && make install   installs it
  /etc/amavisd/amavisd.conf    is the configuration, man 5 amavisd.conf explains each key
  README.md                    has the ten lines that put it behind Postfix
  %s scan --help
                               tries a message without sending it
  tools/check                  runs every test
""" % rig.AMAVISCTL)
    return 0


raise SystemExit(main())
