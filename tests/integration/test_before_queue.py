# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""docs/postfix.md, before the queue: what is rejected is rejected to the client of Postfix, under load and when
a scanner hangs, and an answer comes before Postfix gives up."""

import concurrent.futures
import subprocess
import threading
import unittest

import page
import rig


def swaks(port, *args):
    rig.need("swaks")
    return subprocess.run(["swaks", "--server", "127.0.0.1", "--port", str(port), "--from",
                           "sender@example.org", "--to", "rcpt@example.org", "--helo",
                           "client.example.org", *args], capture_output=True, text=True, timeout=120)


class Postfix(unittest.TestCase):
    def chain(self, extra="", **kw):
        back = rig.free_port()
        daemon = rig.Daemon(self, forward=back, **kw)
        services = page.section("postfix.md", "Before the queue (smtpd_proxy_filter)", _10024=daemon.port,
                                _10025=back)["master.cf"]
        port, adjust = rig.free_port(), "-o smtpd_proxy_options=speed_adjust"
        self.assertIn(adjust, services)
        mta = rig.Postfix(self, services=services.replace("smtp inet ", "127.0.0.1:%d inet " % port).replace(
            adjust, adjust + " " + extra))
        mta.port = port
        return mta, daemon

    def test_load_with_rejects(self):
        """Good and bad mail of more clients than Postfix has processes: each hears its own verdict, nobody gets
        a bounce, nothing is lost."""
        mta, daemon = self.chain(
            clamav=True, listener="answer_time = 90s\n",
            config="[policy]\nvirus_destiny = reject\nbanned_destiny = reject\n")
        answers, n, clients = [], 3, 50

        def work(number):
            client = rig.Client(mta.port)
            for i in range(n):
                bad = (number + i) % 3 == 0
                data = rig.attachment("eicar.com", rig.EICAR) if bad else rig.message()
                answers.append((bad, client.mail(data)))
            client.close()
        threads = [threading.Thread(target=work, args=(number,)) for number in range(clients)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        good = [reply for bad, reply in answers if not bad]
        self.assertEqual(len(answers), clients * n)
        for bad, reply in answers:
            self.assertRegex(reply, "^554 5.7.0" if bad else "^250")
        mta.wait(len(good))
        rig.wait_for("an empty queue", lambda: not mta.queued())
        self.assertEqual(len(mta.inbox()), len(good))
        self.assertEqual(len(daemon.events()), clients * n)

    def test_smtp_source_and_a_scanner_that_hangs(self):
        rig.need("smtp-source")
        mute = rig.Mute(self)
        mta, daemon = self.chain(
            extra="-o smtpd_proxy_timeout=8s", listener="answer_time = 5s\nat_deadline = unchecked\n",
            config="[scanner spamd]\naddress = 127.0.0.1:%d\ntimeout = 1h\nrequired = yes\n" %
            mute.port)
        subprocess.run(["smtp-source", "-s", "8", "-m", "16", "-l", "4096", "-f",
                        "sender@example.org", "-t", "rcpt@example.org",
                        "127.0.0.1:%d" % mta.port], check=True, timeout=120)
        mta.wait(16)
        self.assertNotIn("timeout", mta.log())
        self.assertEqual(len(mta.inbox()), 16)

    def test_an_answer_in_time_is_451(self):
        mute = rig.Mute(self)
        mta, daemon = self.chain(
            extra="-o smtpd_proxy_timeout=8s", listener="answer_time = 5s\n",
            config="[scanner spamd]\naddress = 127.0.0.1:%d\ntimeout = 1h\nrequired = yes\n" %
            mute.port)
        r = swaks(mta.port, "--body", "clean mail")
        self.assertRegex(r.stdout, r"<\*\* +451 4\.5\.0 ")
        self.assertEqual(mta.inbox(), [])
        self.assertEqual(mta.queued(), [])
        self.assertRegex(mta.log(), "proxy-reject.*451 4.5.0")

    def test_milter(self):
        """docs/milter.md: the same before milter_content_timeout is over."""
        mute, out = rig.Mute(self), rig.Sink(self)

        def mta(at_deadline):
            daemon = rig.Daemon(
                self, forward=out.port, protocol="milter",
                listener="answer_time = 4s\nat_deadline = %s\n" % at_deadline,
                config="[scanner spamd]\naddress = 127.0.0.1:%d\ntimeout = 1h\nrequired = yes\n" % mute.port)
            return rig.Postfix(self, extra="smtpd_milters = inet:127.0.0.1:%d\n"
                               "milter_default_action = quarantine\n"
                               "milter_content_timeout = 6s\n" % daemon.port)
        mtas = [mta("policy"), mta("unchecked")]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:  # they only wait
            answers = list(pool.map(lambda mta: rig.send(mta.port, rig.message()), mtas))
        self.assertRegex(answers[0], r"^451 4\.5\.0")
        self.assertRegex(answers[1], "^250")
        mtas[1].wait(1)
        self.assertEqual([len(mta.inbox()) for mta in mtas], [0, 1])
        self.assertEqual(out.mails, [])



if __name__ == "__main__":
    unittest.main()
