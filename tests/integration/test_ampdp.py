# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""AM.PDP with its real clients: amavisd-submit and amavisd-release of Amavis, and amavisd-milter under
a real Postfix.  The first two know only /var/lib/amavis: it is ours for this process and its children,
in a mount namespace of our own."""

import ctypes
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

import ampdp
import rig

HOME = "/var/lib/amavis"
SOCKET = HOME + "/amavisd.sock"
CLONE_NEWNS = 0x20000
EXE = rig.attachment("setup.exe", b"MZ" + bytes(600))

RULES = """
amavis.settings{ for_recipient = 'lover@example.org', banned_destiny = 'pass' }
amavis.settings{ for_recipient = 'reject@example.org', banned_destiny = 'reject' }
amavis.settings{ for_recipient = 'discard@example.org', banned_destiny = 'discard' }
amavis.on('judge', function (mail, rcpt, verdict)
  if rcpt:address() == 'moved@example.org' then verdict.redirect = 'elsewhere@example.org' end
end)
"""


def private_home(case):
    """A fresh directory as /var/lib/amavis, seen by us and our children alone."""
    rig.need_root()
    if not os.path.isdir(HOME):
        raise unittest.SkipTest("amavisd-new is not installed")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        raise unittest.SkipTest("no mount namespace: " + os.strerror(ctypes.get_errno()))
    # in a chroot / is no mount point: then others see it too, until it is taken away again
    subprocess.run(["mount", "--make-rprivate", "/"], check=False, capture_output=True)
    rig.make_user("amavis-test")
    path = tempfile.mkdtemp(prefix="ampdp-test-")
    subprocess.run(["mount", "--bind", path, HOME], check=True)
    os.mkdir(HOME + "/tmp")
    for name in (HOME, HOME + "/tmp"):
        shutil.chown(name, "amavis-test", "amavis-test")

    def remove():
        subprocess.run(["umount", HOME], check=True)
        shutil.rmtree(path, ignore_errors=True)
    case.addCleanup(remove)


def as_amavis(*args, **more):
    return subprocess.run(["setpriv", "--reuid=amavis-test", "--regid=amavis-test", "--clear-groups", *args],
                          capture_output=True, timeout=60, **more)


class Pdp:
    """One connection that speaks AM.PDP."""

    def __init__(self, path=SOCKET):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")

    def ask(self, *lines):
        self.socket.sendall(b"".join(line.encode() + b"\r\n" for line in lines) + b"\r\n")
        answer = []
        while True:
            line = self.file.readline().decode()
            if line in ("\r\n", "\n", ""):
                return answer
            answer.append(line.rstrip("\r\n").replace("%20", " "))

    def close(self):
        self.file.close()
        self.socket.close()


class Clients(unittest.TestCase):
    def setUp(self):
        private_home(self)

    def daemon(self, listener="", config="", lua=None):
        self.out = rig.Sink(self)
        daemon = rig.Daemon(self, forward=self.out.port, clamav=True, lua=lua, config="""
[listener pdp]
address = unix:%s
protocol = am.pdp
mail_directory = %s/tmp
%s%s""" % (SOCKET, HOME, listener, config))
        return daemon

    def submit(self, data, *to):
        return as_amavis("/usr/sbin/amavisd-submit", "sender@example.org", *(to or ("rcpt@example.org",)), input=data)

    def ask(self, *lines):
        client = Pdp()
        self.addCleanup(client.close)
        return client.ask(*lines)

    def quarantine(self, daemon, n=1):
        """A mail in quarantine: its id and secret, from the file and the event alike."""
        event = daemon.event(n)
        path = event["quarantine_location"]
        with open(path, "rb") as f:
            secret = re.search(rb"^X-Quarantine-Secret: (\S+)\r\n", f.read(), re.M).group(1).decode()
        self.assertEqual(event["quarantine_secret"], secret)
        self.assertEqual(event["mail_id"], os.path.basename(path))
        return event["mail_id"], secret

    def test_submit(self):
        rig.need("amavisd-submit")
        daemon = self.daemon()
        done = self.submit(rig.message())
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        event = daemon.event()
        self.assertEqual(event["category"], "clean")
        self.assertEqual(event["sender"], "sender@example.org")
        self.assertEqual(self.out.mails, [])  # the client's to deliver
        done = self.submit(rig.attachment("eicar.com", rig.EICAR))
        self.assertEqual((done.returncode, done.stderr), (0, b""))  # discarded
        self.assertEqual(daemon.event(2)["category"], "virus")
        self.assertEqual(os.listdir(HOME + "/tmp"), [])

    def test_submit_refused(self):
        rig.need("amavisd-submit")
        self.daemon(config="[policy]\nvirus_destiny = reject\n")
        done = self.submit(rig.attachment("eicar.com", rig.EICAR))
        self.assertEqual(done.returncode, 69)
        self.assertRegex(done.stderr, rb"^554 5\.7\.0 ")

    def test_release(self):
        rig.need("amavisd-release")
        daemon = self.daemon()
        self.submit(rig.attachment("eicar.com", rig.EICAR), "one@example.org", "two@example.org")
        mail_id, secret = self.quarantine(daemon)

        def release(*args):
            return as_amavis("/usr/sbin/amavisd-release", *args).stderr.decode().splitlines()
        self.assertEqual(release(mail_id, ""), ["550 5.7.1 No such mail in quarantine, or wrong secret"])
        self.assertRegex(release(mail_id, secret[:-1])[0], "^550 5.7.1 ")
        other = ("y" if mail_id[0] == "x" else "x") + mail_id[1:]  # an id may begin with either
        self.assertRegex(release(other, secret)[0], "^550 5.7.1 ")
        self.assertEqual(self.out.mails, [])
        answers = release("%s/%s" % (mail_id[0], mail_id), secret)
        self.assertEqual([a[:4] for a in answers], ["250 ", "250 "])
        sender, recipients, data = self.out.wait(1)[0]
        self.assertEqual((sender, recipients), ("sender@example.org", ["one@example.org", "two@example.org"]))
        self.assertIn(b"Resent-From: <postmaster@filter.example.org>", data)
        self.assertIn(b"eicar.com", data)
        self.assertNotIn(secret.encode(), data)
        self.assertNotIn(b"X-Quarantine", data)
        # only to the one named; several requests on one connection
        done = as_amavis("/usr/sbin/amavisd-release", "-",
                         input=("%s %s three@example.org\n%s wrong\n" % (mail_id, secret, mail_id)).encode())
        self.assertEqual([a[:4] for a in done.stderr.decode().splitlines()], ["250 ", "550 "])
        self.assertEqual(self.out.wait(2)[1][1], ["three@example.org"])
        self.assertIn("with a wrong secret", daemon.log_text())

    def test_release_of_every_id(self):
        """Ids that the client's pattern would cut are found all the same."""
        rig.need("amavisd-release")
        daemon = self.daemon(listener="release = any\n")
        self.submit(EXE)
        mail_id, _ = self.quarantine(daemon)
        with open(daemon.event()["quarantine_location"], "rb") as f:
            stored = f.read()
        for name in ("ab_cdefghijklmno", "a-b-cdefghijklmn", "0123456789abcde-", "-bcdefghijklmnop"):
            path = "%s/%s/%s" % (daemon.quarantine, name[0], name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as f:
                f.write(stored)
            shutil.chown(path, daemon.user)
            shutil.chown(os.path.dirname(path), daemon.user)
            done = as_amavis("/usr/sbin/amavisd-release", name, "x@example.org")
            expected = b"^250 " if name[0] != "-" else b"^(550|Invalid)"
            self.assertRegex(done.stderr, expected, name)

    def test_requeue_and_report(self):
        daemon = self.daemon(listener="release = any\n")
        self.submit(EXE)
        mail_id, _ = self.quarantine(daemon)
        answer = self.ask("request=requeue", "mail_id=" + mail_id, "sender=<new@example.org>")
        self.assertEqual(answer[0], "version_server=2")
        self.assertRegex(answer[1], "^setreply=250 ")
        sender, recipients, data = self.out.wait(1)[0]
        self.assertEqual((sender, recipients), ("new@example.org", ["rcpt@example.org"]))
        self.assertNotIn(b"Resent-", data)
        self.assertRegex(self.ask("request=report", "mail_id=" + mail_id)[1], "^setreply=501 5.5.4 ")
        self.assertRegex(self.ask("request=report", "mail_id=" + mail_id, "recipient=<abuse@example.org>")[1],
                         "^setreply=250 ")
        sender, recipients, data = self.out.wait(2)[1]
        self.assertEqual((sender, recipients), ("postmaster@filter.example.org", ["abuse@example.org"]))
        import email
        report = email.message_from_bytes(data)
        self.assertEqual([p.get_content_type() for p in report.get_payload()],
                         ["text/plain", "message/feedback-report", "message/rfc822"])
        self.assertEqual(report.get_payload(2).get_payload(0)["Subject"], "with attachment")
        self.assertRegex(self.ask("request=release", "mail_id=" + mail_id, "requested_by=<me@example.org>")[1],
                         "^setreply=250 ")
        self.assertIn(b"Resent-From: <me@example.org>", self.out.wait(3)[2][2])

    def test_release_not_allowed(self):
        daemon = self.daemon(listener="release = no\n")
        self.submit(EXE)
        mail_id, secret = self.quarantine(daemon)
        self.assertRegex(self.ask("request=release", "mail_id=" + mail_id, "secret_id=" + secret)[1],
                         "^setreply=550 5.7.1 ")
        self.assertEqual(self.out.mails, [])

    def test_a_mail_cannot_bring_its_secret(self):
        daemon = self.daemon()
        self.submit(b"X-Quarantine-Secret: known\n" + EXE)
        mail_id, secret = self.quarantine(daemon)
        path = daemon.event()["quarantine_location"]
        with open(path, "rb") as f:
            stored = f.read()
        with open(path, "wb") as f:  # as stored before there were secrets
            f.write(stored.replace(b"X-Quarantine-Secret: %s\r\n" % secret.encode(), b""))
        for attempt in ("known", secret, ""):
            self.assertRegex(self.ask("request=release", "mail_id=" + mail_id, "secret_id=" + attempt)[1],
                             "^setreply=550 5.7.1 ")
        self.assertIn("stored without a secret", daemon.log_text())

    def test_files_are_confined(self):
        daemon = self.daemon()
        outside = daemon.dir + "/mail"
        with open(outside, "wb") as f:
            f.write(rig.message())
        shutil.chown(outside, daemon.user)
        os.symlink(outside, HOME + "/tmp/link")
        os.mkfifo(HOME + "/tmp/fifo")
        for path in (outside, HOME + "/tmp/link", HOME + "/tmp/fifo", HOME + "/tmp/../../../../etc/passwd",
                     HOME + "/tmp", "/etc/passwd"):
            answer = self.ask("request=AM.PDP", "sender=<>", "recipient=<a@example.org>", "mail_file=" + path)
            self.assertEqual(answer[-2:], ["return_value=tempfail", "exit_code=75"], path)
        self.assertEqual(daemon.events(), [])

    def test_server_delivers(self):
        daemon = self.daemon()
        with open(HOME + "/tmp/mail", "wb") as f:
            f.write(rig.message(body="a\rb\nend\n"))
        shutil.chown(HOME + "/tmp/mail", "amavis-test")
        answer = self.ask("request=AM.PDP", "sender=<s@example.org>", "recipient=<a@example.org>",
                          "mail_file=%s/tmp/mail" % HOME, "delivery_care_of=server", "queue_id=Q1",
                          "client_address=192.0.2.9", "protocol_name=ESMTP", "helo_name=h.example")
        self.assertEqual(answer[-2:], ["return_value=discard", "exit_code=99"])
        sender, recipients, data = self.out.wait(1)[0]
        self.assertEqual((sender, recipients), ("s@example.org", ["a@example.org"]))
        self.assertTrue(data.replace(b"\r\n", b"\n").endswith(b"\na\nb\nend\n"))
        event = daemon.event()
        self.assertEqual((event["queue_id"], event["client"], event["helo"]), ("Q1", "192.0.2.9", "h.example"))

    def test_tcp_and_drop(self):
        """Over TCP, and with a client that goes away in a request."""
        daemon = self.daemon()
        port = rig.free_port()
        daemon.stop()
        with open(daemon.conf, "a") as f:
            f.write("\n[listener tcp]\naddress = 127.0.0.1:%d\nprotocol = am.pdp\n" % port)
        daemon.start()
        with socket.create_connection(("127.0.0.1", port), 20) as s:
            s.sendall(b"request=smtpd_access_policy\n\n")
            self.assertEqual(s.recv(100), b"action=DUNNO\n\n")
            s.sendall(b"request=AM.PDP\nsen")
        rig.wait_for("its end", lambda: "lost connection in a request" in daemon.log_text())


class Milter(unittest.TestCase):
    """amavisd-milter between Postfix and the daemon."""

    def chain(self, lua=None, options=(), config=""):
        out, milter = rig.Sink(self), ampdp.AmavisMilter(self)
        daemon = rig.Daemon(self, forward=out.port, clamav=True, lua=lua, config=milter.config + config)
        milter.start(*options)
        mta = rig.Postfix(self, extra="""
smtpd_milters = inet:127.0.0.1:%d
milter_default_action = tempfail
""" % milter.port)
        return out, daemon, mta, milter.home

    def test_clean_mail_gets_our_fields(self):
        out, daemon, mta, home = self.chain()
        body = "".join("line %d with some words in it\n" % i for i in range(5000))
        self.assertRegex(rig.send(mta.port, rig.message(body=body)), "^250 ")
        mail = mta.wait(1)[0]
        self.assertIn(b"\nX-Virus-Scanned:", mail)
        self.assertIn(b"line 4999 with", mail)
        event = daemon.event()
        self.assertEqual((event["category"], event["client"]), ("clean", "127.0.0.1"))
        self.assertNotEqual(event["queue_id"], "")
        self.assertEqual(event["helo"], "client.example.org")
        self.assertEqual(out.mails, [])
        rig.wait_for("tidy", lambda: not [n for n in os.listdir(home) if n.startswith("af")])

    def test_verdicts(self):
        out, daemon, mta, home = self.chain(lua=RULES)
        eicar = rig.attachment("eicar.com", rig.EICAR)
        self.assertRegex(rig.send(mta.port, eicar), "^250 ")
        self.assertEqual(daemon.event()["category"], "virus")
        self.assertEqual(len(daemon.quarantined()), 1)
        self.assertRegex(rig.send(mta.port, EXE, to=["reject@example.org"]), r"^554 5\.7\.0 ")
        self.assertRegex(rig.send(mta.port, EXE, to=["discard@example.org", "lover@example.org"]), "^250 ")
        self.assertIn(b"Delivered-To: lover@example.org", mta.wait(1)[0])
        self.assertRegex(rig.send(mta.port, rig.message(), to=["moved@example.org"]), "^250 ")
        mails = mta.wait(2)
        self.assertEqual(sum(b"Delivered-To: elsewhere@example.org" in m for m in mails), 1)
        rig.wait_for("an empty queue", lambda: not mta.queued())
        self.assertEqual(len(mta.inbox()), 2)

    def test_server_delivers(self):
        out, daemon, mta, home = self.chain(options=("-D", "server"))
        self.assertRegex(rig.send(mta.port, rig.message()), "^250 ")
        self.assertEqual(out.wait(1)[0][1], ["rcpt@example.org"])
        time.sleep(1)
        self.assertEqual((len(out.mails), mta.inbox()), (1, []))

    def test_daemon_away_and_back(self):
        out, daemon, mta, home = self.chain()
        daemon.stop()
        self.assertRegex(rig.send(mta.port, rig.message()), "^4")
        daemon.start()
        self.assertRegex(rig.send(mta.port, rig.message()), "^250 ")
        mta.wait(1)


if __name__ == "__main__":
    unittest.main()
