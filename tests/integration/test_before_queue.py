# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""Answers before the MTA gives up: whatever hangs, the client has its answer when answer_time is over,
and it is clear who has the mail.  And what is rejected is rejected to the client of Postfix."""

import os
import signal
import socket
import subprocess
import threading
import time
import unittest

import page
import rig

ANSWER = 4  # seconds
LISTENER = "answer_time = %ds\n" % ANSWER
PASSES = "[policy]\nunchecked_on_failure = pass\n"


def timed(port, **kw):
    begin = time.monotonic()
    reply = rig.send(port, rig.message(), **kw)
    return reply, time.monotonic() - begin


class Mute:
    """Takes connections and says nothing."""

    def __init__(self, case):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self.socket.getsockname()[1]
        case.addCleanup(self.socket.close)


class Deadline(unittest.TestCase):
    def daemon(self, at_deadline=None, **kw):
        listener = LISTENER + ("at_deadline = %s\n" % at_deadline if at_deadline else "")
        return rig.Daemon(self, listener=listener, **kw)

    def expect(self, daemon, sink, answer, delivered):
        reply, seconds = timed(daemon.port)
        self.assertRegex(reply, answer)
        self.assertLess(seconds, ANSWER)
        self.assertEqual(len(sink.mails), delivered, reply)
        return seconds

    def test_a_scanner_hangs(self):
        mute, sink = Mute(self), rig.Sink(self)
        spamd = ("[scanner spamd]\naddress = 127.0.0.1:%d\ntimeout = 1h\nrequired = yes\n" %
                 mute.port)
        for at_deadline, config, answer, delivered in (
                (None, "", "^451 4.5.0", 0), (None, PASSES, "^250", 1),
                ("tempfail", PASSES, "^451 4.3.2", 1), ("unchecked", "", "^250", 2)):
            with self.subTest(at_deadline=at_deadline, config=config):
                daemon = self.daemon(at_deadline, forward=sink.port, config=config + spamd)
                self.expect(daemon, sink, answer, delivered)
                self.assertEqual(daemon.event()["category"], "unchecked")
                daemon.stop()

    def stop_workers(self, daemon):
        pids = [p for z in daemon.status()["content_pids"] for p in rig.tree(z)[1:]]
        self.assertTrue(pids)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        return pids

    def test_workers_hang(self):
        sink = rig.Sink(self)
        for at_deadline, answer, delivered in ((None, "^451 4.5.0", 0), ("unchecked", "^250", 1)):
            with self.subTest(at_deadline=at_deadline):
                daemon = self.daemon(at_deadline, forward=sink.port)
                pids = self.stop_workers(daemon)
                try:
                    self.expect(daemon, sink, answer, delivered)
                finally:
                    for pid in pids:
                        try:
                            os.kill(pid, signal.SIGKILL)
                        except ProcessLookupError:
                            pass
                rig.wait_for("a mail to pass", lambda: rig.send(
                    daemon.port, rig.message()).startswith("250"))
                sink.mails.clear()
                daemon.stop()

    def test_next_hop_hangs_at_each_step(self):
        sink = rig.Sink(self)
        daemon = self.daemon(forward=sink.port, config="[next_hop]\nkeep = 0\n")
        for step in ("greeting", "EHLO", "MAIL", "RCPT", "DATA", "dot"):
            with self.subTest(step=step):
                sink.script = {step: "stall"}
                reply, seconds = timed(daemon.port)
                self.assertRegex(reply, "^45")
                self.assertLess(seconds, ANSWER + 1)
                self.assertEqual(sink.mails, [])
        self.assertIn("may be delivered twice", daemon.log_text())

    def test_waiting_for_a_thread_counts(self):
        """One thread, three clients: the last one's time began when its mail had come."""
        sink = rig.Sink(self, script={"MAIL": "stall"})
        daemon = self.daemon(forward=sink.port, fragments={
            "10-threads.conf": "[amavisd]\nthreads = 1\n"})
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(timed(daemon.port)))
                   for _ in range(3)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for reply, seconds in answers:
            self.assertRegex(reply, "^45")
            # greeting and envelope of the others wait for the thread as well
            self.assertLess(seconds, 3 * ANSWER)
        self.assertEqual(sink.mails, [])


def swaks(port, *args):
    rig.need("swaks")
    return subprocess.run(["swaks", "--server", "127.0.0.1", "--port", str(port), "--from",
                           "sender@example.org", "--to", "rcpt@example.org", "--helo",
                           "client.example.org", *args], capture_output=True, text=True, timeout=120)


class Postfix(unittest.TestCase):
    """docs/postfix.md, before the queue."""

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
        mute = Mute(self)
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
        mute = Mute(self)
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
        mute, out = Mute(self), rig.Sink(self)
        for at_deadline, answer, delivered in (("policy", r"^451 4\.5\.0", 0), ("unchecked", "^250", 1)):
            with self.subTest(at_deadline=at_deadline):
                daemon = rig.Daemon(
                    self, forward=out.port, protocol="milter",
                    listener="answer_time = 4s\nat_deadline = %s\n" % at_deadline,
                    config="[scanner spamd]\naddress = 127.0.0.1:%d\ntimeout = 1h\nrequired = yes\n" %
                    mute.port)
                mta = rig.Postfix(self, extra="smtpd_milters = inet:127.0.0.1:%d\n"
                                  "milter_default_action = quarantine\n"
                                  "milter_content_timeout = 6s\n" % daemon.port)
                self.assertRegex(rig.send(mta.port, rig.message()), answer)
                if delivered:
                    mta.wait(delivered)
                self.assertEqual(len(mta.inbox()), delivered)
                self.assertEqual(out.mails, [])


if __name__ == "__main__":
    unittest.main()
