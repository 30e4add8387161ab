# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""Answers before the MTA gives up: whatever hangs, the client has its answer when answer_time is over,
and it is clear who has the mail."""

import concurrent.futures
import os
import signal
import threading
import time
import unittest

import rig

ANSWER = 4  # seconds
LISTENER = "answer_time = %ds\n" % ANSWER
PASSES = "[policy]\nunchecked_on_failure = pass\n"


def timed(port, **kw):
    begin = time.monotonic()
    reply = rig.send(port, rig.message(), **kw)
    return reply, time.monotonic() - begin


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

    def at_once(self, work, rows):
        """work(*row) for all rows at the same time: they only wait."""
        with concurrent.futures.ThreadPoolExecutor(len(rows)) as pool:
            for row, future in [(row, pool.submit(work, *row)) for row in rows]:
                with self.subTest(row=row):
                    future.result()

    def test_a_scanner_hangs(self):
        mute = rig.Mute(self)
        spamd = ("[scanner spamd]\naddress = 127.0.0.1:%d\ntimeout = 1h\nrequired = yes\n" %
                 mute.port)

        def work(at_deadline, config, answer, delivered):
            sink = rig.Sink(self)
            daemon = self.daemon(at_deadline, forward=sink.port, config=config + spamd)
            self.expect(daemon, sink, answer, delivered)
            self.assertEqual(daemon.event()["category"], "unchecked")

        self.at_once(work, ((None, "", "^451 4.5.0", 0), (None, PASSES, "^250", 1),
                            ("tempfail", PASSES, "^451 4.3.2", 0), ("unchecked", "", "^250", 1)))

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
        steps = ("greeting", "EHLO", "MAIL", "RCPT", "DATA", "dot")
        sinks = {step: rig.Sink(self, script={step: "stall"}) for step in steps}
        daemon = self.daemon(config="[next_hop]\nkeep = 0\n", lua="".join(
            "amavis.settings{ for_recipient = '%s@example.org', forward_route = 'smtp:[127.0.0.1]:%d' }\n" %
            (step, sink.port) for step, sink in sinks.items()))

        def work(step):
            reply, seconds = timed(daemon.port, to=(step + "@example.org",))
            self.assertRegex(reply, "^45")
            self.assertLess(seconds, ANSWER + 1)
            self.assertEqual(sinks[step].mails, [])

        self.at_once(work, [(step,) for step in steps])
        self.assertEqual([sinks[step].connections for step in steps], [1] * len(steps))
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


if __name__ == "__main__":
    unittest.main()
