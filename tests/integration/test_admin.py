# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""An admin's day: trying a message, configuration errors, plugins, status, reload, quarantine."""

import json
import os
import re
import socket
import signal
import subprocess
import threading
import time
import unittest

import rig


class Scan(unittest.TestCase):
    def scan(self, daemon, data, *args, status=0):
        r = daemon.ctl("scan", "--json", *args, "-", input=data, check=False)
        self.assertEqual(r.returncode, status, r.stderr.decode() + r.stdout.decode())
        return json.loads(r.stdout)

    def test_report(self):
        daemon = rig.Daemon(self, clamav=True, start=False)
        report = self.scan(daemon, rig.message("a subject"), "--sender", "s@example.org",
                           "--recipient", "a@example.org", "--recipient", "b@example.org")
        for key in ("mail_id", "size", "sender", "category", "parts", "findings", "header_defects",
                    "signatures", "spam", "recipients", "timing"):
            self.assertIn(key, report)
        self.assertEqual(report["category"], "clean")
        self.assertEqual(report["sender"], "s@example.org")
        self.assertEqual([r["address"] for r in report["recipients"]],
                         ["a@example.org", "b@example.org"])
        for key in ("categories", "destiny", "reply", "route", "edits", "quarantine"):
            self.assertIn(key, report["recipients"][0])
        self.assertIn("text/plain", [p["type"] for p in report["parts"]])
        self.check_schema(report)

    def check_schema(self, report):
        """Every key of the report stands in the shipped schema, and the required ones are there."""
        path = os.path.join(os.path.dirname(__file__), "../../docs/report.schema.json")
        schema = json.load(open(path))

        def check(value, rule, where):
            rule = rule.get("$ref") and schema["$defs"][rule["$ref"].split("/")[-1]] or rule
            if isinstance(value, dict) and "properties" in rule:
                for key in value:
                    self.assertIn(key, rule["properties"], where)
                    check(value[key], rule["properties"][key], where + "." + key)
                for key in rule.get("required", []):
                    self.assertIn(key, value, where)
            if isinstance(value, list) and "items" in rule:
                for item in value:
                    check(item, rule["items"], where + "[]")
        check(report, schema, "report")

    def test_blocked_is_1(self):
        daemon = rig.Daemon(self, clamav=True, start=False)
        report = self.scan(daemon, rig.attachment("eicar.com", rig.EICAR), status=1)
        self.assertEqual(report["category"], "virus")
        part = [p for p in report["parts"] if p["name"] == "eicar.com"][0]
        self.assertEqual(part["size"], len(rig.EICAR))
        self.assertEqual(daemon.quarantined(), [])

    def test_parts_inside_archives(self):
        import io
        import zipfile
        inner, outer = io.BytesIO(), io.BytesIO()
        with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as z:
            z.writestr("deep/setup.exe", b"MZ" + bytes(1000))
        with zipfile.ZipFile(outer, "w") as z:
            z.writestr("inner.zip", inner.getvalue())
        daemon = rig.Daemon(self, start=False)
        report = self.scan(daemon, rig.attachment("outer.zip", outer.getvalue()), status=1)
        self.assertEqual(report["category"], "banned")
        names = [p["name"] for p in report["parts"]]
        self.assertIn("inner.zip", names)
        self.assertIn("deep/setup.exe", names)

    def test_missing_file_and_usage(self):
        daemon = rig.Daemon(self, start=False)
        self.assertEqual(daemon.ctl("scan", "/nonexistent", check=False).returncode, 75)
        self.assertEqual(daemon.ctl("scan", check=False).returncode, 2)
        self.assertEqual(subprocess.run([rig.AMAVISCTL, "nonsense"],
                                        capture_output=True).returncode, 2)


class Config(unittest.TestCase):
    BAD = """[amavisd]
user = amavis-test
threads = many
thraeds = 4
[lissener in]
[listener]
address = 127.0.0.1:1
[listener a]
address = nowhere
protocol = uucp
nonsense
[content]
max_depth = 1000000
[scanner clammav]
[scanner spamd]
timeout = soon
[policy]
virus_destiny = explode
[routes]
forward = pigeon:coop
"""

    def test_every_error_with_its_line(self):
        daemon = rig.Daemon(self, start=False)
        daemon.write(daemon.conf, self.BAD)
        daemon.write(daemon.dir + "/conf.d/60-broken.lua", "amavis.settings{ virus_destyni = 1 }\n")
        daemon.write(daemon.dir + "/conf.d/70-syntax.lua", "this is not lua\n")
        r = daemon.ctl("config", "check", check=False)
        self.assertEqual(r.returncode, 78)
        text = r.stderr.decode()
        for line, word in ((3, "threads"), (4, "thraeds"), (5, "lissener"), (6, "listener"),
                           (10, "protocol"), (11, "nonsense"), (13, "max_depth"),
                           (14, "clammav"), (16, "timeout"), (18, "virus_destiny"),
                           (20, "forward")):
            with self.subTest(line=line):
                self.assertRegex(text, r"(?m)^%s:%d: .*%s" % (re.escape(daemon.conf), line, word))
        self.assertRegex(text, r"60-broken.lua:1: .*virus_destyni")
        self.assertRegex(text, r"70-syntax.lua:1: ")
        self.assertRegex(text, "did you mean|smtp, lmtp|smtp\\|lmtp|smtp or lmtp")
        daemon.start(wait=False)
        self.assertEqual(daemon.process.wait(30), 78)
        self.assertIn("thraeds", daemon.stderr())

    MISTAKES = (  # of the group: what is written, and what is said of its last line or the group's
        ("listener", "adress = ::1", 'unknown key "adress"; did you mean "address"'),
        ("listener", "clients = localhost", "clients: 'localhost' is no network"),
        ("listener", "xclient_clients = 10.0.0.0/33", "xclient_clients: '10.0.0.0/33' is no network"),
        ("listener", "mode = rw", 'mode = "rw" is not allowed; allowed: permissions in octal'),
        ("listener", "hostname = a b", "hostname = .* without blanks"),
        ("listener", "greeting = gr\u00fcezi", "greeting = .* printable ASCII"),
        ("listener", "hide_extensions = DSN, 8BITMIM", '"8BITMIM" is no extension of ours; allowed: PIPELINING'),
        ("listener", "mail_directory = tmp", '"tmp" is no absolute path'),
        ("listener", "tls = yes", "one of no, starttls, required, implicit"),
        ("listener", "tls = starttls", "needs a certificate"),
        ("listener", "tls_certificate = /etc/passwd", "is not used while tls = no"),
        ("listener", "tls_certificate = /nonexistent\ntls = starttls", "/nonexistent: No such file"),
        ("listener", "tls_certificate = /etc/passwd\ntls = starttls", "/etc/passwd: no start line"),
        ("listener", "auth = required", "needs tls, or auth_without_tls"),
        ("listener", "auth_without_tls = yes\nauth = required\nauth_mechanisms = NONE", 'has none of "NONE"'),
        ("next_hop", "connect_tim = 3s", 'did you mean "connect_time"'),
        ("next_hop", "command_time = 5 minutes", "allowed: a time"),
        ("next_hop", "bind_address = localhost", '"localhost" is no address; allowed: 192.0.2.1'),
        ("next_hop", "bind_address = ::1, ::2", '"::2" is the second of IPv6'),
        ("next_hop", "auth_user = me", "auth_user and auth_password_file belong together"),
        ("next_hop", "auth_user = me\nauth_password_file = /nonexistent", "/nonexistent: No such file"),
        ("next_hop", "auth_user = me\nauth_password_file = /etc/passwd", "its mode is 0644; 0600 or 0640"),
        ("next_hop", "tls = no\nauth_user = me\nauth_password_file = /etc/passwd", "AUTH needs tls"),
        ("next_hop", "tls_ca = /nonexistent", "authorities /nonexistent: No such file"),
        ("routes", "forward = smtp:a:99999", "the port is not a number from 1 to 65535"),
    )

    def test_mistakes_in_listeners_and_next_hops(self):
        """Each is found, with the line it is on or that of its group, and what is allowed."""
        daemon = rig.Daemon(self, start=False)
        begin = open(daemon.conf).read().split("[listener in]")[0]
        first = begin.count("\n") + 1
        for group, written, said in self.MISTAKES:
            with self.subTest(written=written):
                text = "%s[%s]\n%s\n" % (begin, group + (" in" if group == "listener" else ""), written)
                if "address" not in written or group != "listener":
                    text += "" if group == "listener" else "[listener in]\n"
                    text += "address = 127.0.0.1:1\n"
                daemon.write(daemon.conf, text)
                r = daemon.ctl("config", "check", check=False)
                self.assertEqual(r.returncode, 78)
                found = [line for line in r.stderr.decode().splitlines() if re.search(said, line)]
                self.assertEqual(len(found), 1, r.stderr.decode())
                line = re.match(re.escape(daemon.conf) + r":(\d+): \[", found[0])
                self.assertTrue(line, found)
                self.assertIn(int(line.group(1)) - first, range(0, written.count("\n") + 2))

    def test_addresses_that_cannot_be_had(self):
        taken = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(taken.close)
        daemon = rig.Daemon(self, start=False)
        text = open(daemon.conf).read()
        open(daemon.dir + "/file", "w").close()
        for address, said in (("127.0.0.1:%d" % taken.getsockname()[1], "Address already in use"),
                              ("192.0.2.77:10024", "Cannot assign requested address"),
                              ("unix:%s/none/socket" % daemon.dir, "No such file or directory"),
                              ("unix:%s/file" % daemon.dir, "something else is there")):
            with self.subTest(address=address):
                daemon.write(daemon.conf, text.replace("address = 127.0.0.1:%d" % daemon.port,
                                                       "address = " + address))
                daemon.start(wait=False)
                self.assertEqual(daemon.process.wait(30), 1)
                self.assertRegex(daemon.log_text(), r"\[listener in\]: .*%s: %s" % (re.escape(address), said))

    def test_show_says_where_from(self):
        daemon = rig.Daemon(self, start=False, fragments={
            "10-more.conf": "[amavisd]\nthreads = 7\n"})
        text = daemon.ctl("config", "show").stdout.decode()
        self.assertRegex(text, r"threads = 7\t# .*10-more.conf:2")
        values = json.loads(daemon.ctl("config", "--json", "show").stdout)
        self.assertEqual([v["value"] for v in values if v["key"] == "threads"], ["7"])

    def test_root_is_refused(self):
        rig.need_root()
        daemon = rig.Daemon(self, start=False, user="root")
        daemon.start(wait=False)
        self.assertNotEqual(daemon.process.wait(30), 0)
        self.assertIn("root", daemon.stderr())

    def test_plugins_are_listed(self):
        daemon = rig.Daemon(self, clamav=True, start=False)
        plugins = {p["name"]: p for p in json.loads(daemon.ctl("plugins", "--json").stdout)}
        for name in ("archive", "clamav", "file", "spamd", "tag"):
            self.assertIn(name, plugins)
        self.assertEqual(plugins["clamav"]["runs_in"], "sandbox")
        self.assertEqual(plugins["spamd"]["instances"], [])

    def test_writable_plugin_is_refused(self):
        rig.need_root()
        daemon = rig.Daemon(self, start=False)
        source = json.loads(daemon.ctl("plugins", "--json").stdout)[0]["path"]
        path = daemon.dir + "/conf.d/90-extra.so"
        with open(source, "rb") as f, open(path, "wb") as g:
            g.write(f.read())
        os.chmod(path, 0o666)
        r = daemon.ctl("plugins", check=False)
        self.assertEqual(r.returncode, 78)
        self.assertIn("90-extra.so", r.stderr.decode())


class Shipped(unittest.TestCase):
    """amavisd.conf and conf.d as they are shipped, but for the places and the user."""

    def make(self):
        top = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../conf.d/")
        self.daemon = daemon = rig.Daemon(self, start=False)
        with open(top + "amavisd.conf") as f:
            text = f.read()
        self.database = daemon.dir + "/clamav"
        os.mkdir(self.database)
        for old, new in (("user = amavis", "user = " + daemon.user),
                         ("#run_directory = /run/amavisd", "run_directory = " + daemon.run),
                         ("#spool_directory = /var/spool/amavisd",
                          "spool_directory = " + daemon.spool),
                         ("log = syslog\n#log_format = text",
                          "log = file:%s\nlog_format = json" % daemon.log_path),
                         ("127.0.0.1:10024", "127.0.0.1:%d" % daemon.port),
                         ("/var/lib/amavisd/quarantine", daemon.quarantine),
                         ("/var/lib/clamav", self.database)):
            self.assertIn(old, text)
            text = text.replace(old, new, 1)
        for name in ("10-example.conf", "50-policy.lua"):
            with open(top + name) as f:
                daemon.write(daemon.dir + "/conf.d/" + name, f.read())
        return text

    def test_check_finds_nothing(self):
        text = self.make()
        self.daemon.write(self.daemon.conf, text)
        r = self.daemon.ctl("config", "check", check=False)
        self.assertEqual((r.returncode, r.stderr), (0, b""))

    def test_without_database_it_says_freshclam(self):
        text = self.make()
        self.daemon.write(self.daemon.conf, text)
        self.daemon.start(wait=False)
        self.assertNotEqual(self.daemon.process.wait(60), 0)
        said = [line for line in (self.daemon.stderr() + self.daemon.log_text()).splitlines()
                if "error" in line]
        self.assertRegex(said[0], re.escape(self.database) + ".*freshclam")

    def test_with_database_it_works(self):
        sink = rig.Sink(self)
        text = self.make().replace("127.0.0.1]:10025", "127.0.0.1]:%d" % sink.port)
        self.daemon.write(self.daemon.conf, text)
        os.rename(rig.clam_database(self.daemon) + "/test.ndb", self.database + "/test.ndb")
        self.daemon.start()
        self.assertRegex(rig.send(self.daemon.port, rig.message()), "^250")
        self.assertEqual(len(sink.wait(1)), 1)
        self.assertRegex(rig.send(self.daemon.port, rig.attachment("a.txt", rig.EICAR)), "^250")
        self.assertEqual(self.daemon.event(2)["category"], "virus")
        self.assertEqual((len(sink.mails), len(self.daemon.quarantined())), (1, 1))


class Running(unittest.TestCase):
    def test_status(self):
        daemon = rig.Daemon(self, forward=rig.Sink(self).port)
        rig.send(daemon.port, rig.message())
        daemon.event()
        status = daemon.status()
        self.assertEqual(status["statistics"]["mails_total"], 1)
        self.assertEqual(status["statistics"]["delivered"], 1)
        self.assertIn("pid", daemon.ctl("status").stdout.decode())

    def test_reload_under_load_refuses_nobody(self):
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port)
        stop, bad, sent = threading.Event(), [], [0]

        def load():
            while not stop.is_set():
                try:
                    reply = rig.send(daemon.port, rig.message())
                except OSError as e:
                    reply = str(e)
                sent[0] += 1
                if not reply.startswith("250"):
                    bad.append(reply)
        threads = [threading.Thread(target=load) for _ in range(4)]
        for t in threads:
            t.start()
        for _ in range(3):
            time.sleep(0.5)
            self.assertEqual(daemon.ctl("reload", check=False).returncode, 0)
        daemon.process.send_signal(signal.SIGHUP)
        rig.wait_for("generation 5", lambda: daemon.status()["generation"] == 5, 30)
        stop.set()
        for t in threads:
            t.join()
        self.assertEqual(bad, [])
        self.assertGreater(sent[0], 20)

    def test_reload_takes_the_new_and_refuses_the_broken(self):
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port)
        exe = rig.attachment("a.exe", b"MZ" + bytes(600))
        self.assertRegex(rig.send(daemon.port, exe), "^250")
        daemon.write(daemon.dir + "/conf.d/20.conf", "[policy]\nbanned_destiny = reject\n")
        daemon.ctl("reload")
        self.assertRegex(rig.send(daemon.port, exe), "^554")
        daemon.write(daemon.dir + "/conf.d/30.conf", "[policy]\nbanned_destiny = perhaps\n")
        r = daemon.ctl("reload", check=False)
        self.assertEqual(r.returncode, 1)
        self.assertRegex(r.stderr.decode(), "30.conf:2")
        self.assertRegex(rig.send(daemon.port, exe), "^554")

    def test_drain_finishes_the_mail_under_way(self):
        sink = rig.Sink(self, delay=2)
        daemon = rig.Daemon(self, forward=sink.port)
        replies = []
        thread = threading.Thread(target=lambda: replies.append(
            rig.send(daemon.port, rig.message())))
        idle = rig.Client(daemon.port)
        thread.start()
        time.sleep(0.7)
        self.assertEqual(daemon.stop(), 0)
        thread.join()
        self.assertTrue(replies[0].startswith("250"), replies)
        self.assertRegex(idle.reply(), "^421 4.3.2")

    def test_no_child_outlives_the_master(self):
        daemon = rig.Daemon(self, forward=rig.Sink(self).port)
        pids = rig.tree(daemon.process.pid)
        daemon.process.kill()
        daemon.process.wait()

        def alive():
            found = []
            for pid in pids:
                try:
                    with open("/proc/%d/stat" % pid) as f:
                        if f.read().rsplit(")", 1)[1].split()[0] != "Z":
                            found.append(pid)
                except OSError:
                    pass
            return found
        rig.wait_for("the children's end", lambda: not alive(), 30)


class Quarantine(unittest.TestCase):
    def setUp(self):
        self.sink = rig.Sink(self)
        self.daemon = rig.Daemon(self, forward=self.sink.port, clamav=True)
        for n in range(3):
            rig.send(self.daemon.port, rig.attachment("eicar%d.com" % n, rig.EICAR,
                                                      subject="virus %d" % n))
        self.daemon.event(3)

    def list(self):
        return json.loads(self.daemon.ctl("quarantine", "--json", "list").stdout)

    def test_list_show_release_delete_expire(self):
        items = self.list()
        self.assertEqual(len(items), 3)
        one = [i for i in items if i["subject"] == "virus 1"][0]
        self.assertEqual(one["sender"], "sender@example.org")
        self.assertEqual(one["recipients"], ["rcpt@example.org"])
        self.assertEqual(one["category"], "virus")
        text = self.daemon.ctl("quarantine", "list").stdout.decode()
        self.assertIn(one["id"], text)
        shown = self.daemon.ctl("quarantine", "show", one["id"]).stdout
        self.assertIn(b"Subject: virus 1", shown)
        self.assertIn(b"X-Quarantine-ID: <" + one["id"].encode(), shown)

        self.daemon.ctl("quarantine", "release", one["id"])
        sender, recipients, data = self.sink.wait(1)[0]
        self.assertEqual((sender, recipients), ("sender@example.org", ["rcpt@example.org"]))
        self.assertIn(b"Subject: virus 1", data)
        self.assertIn(b"Resent-From:", data)
        self.assertNotIn(b"X-Envelope-From:", data)
        self.daemon.ctl("quarantine", "release", "--recipient", "admin@example.org", one["id"])
        self.assertEqual(self.sink.wait(2)[1][1], ["admin@example.org"])

        self.daemon.ctl("quarantine", "delete", one["id"])
        self.assertEqual(len(self.list()), 2)
        self.assertEqual(self.daemon.ctl("quarantine", "show", one["id"], check=False).returncode, 1)
        self.daemon.ctl("quarantine", "expire", "--older-than", "1h")
        self.assertEqual(len(self.list()), 2)
        time.sleep(2.1)
        self.daemon.ctl("quarantine", "expire", "--older-than", "1s")
        self.assertEqual(self.list(), [])

    def test_release_leaves_out_who_got_it(self):
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port, clamav=True, lua=
                            "amavis.settings{ for_recipient = 'lover@example.org',"
                            " virus_lover = true }")
        rig.send(daemon.port, rig.attachment("eicar.txt", rig.EICAR, "text/plain"),
                 to=("lover@example.org", "other@example.org"))
        self.assertEqual(sink.wait(1)[0][1], ["lover@example.org"])
        daemon.event()
        item = json.loads(daemon.ctl("quarantine", "--json", "list").stdout)[0]
        self.assertEqual(item["blocked"], ["other@example.org"])
        daemon.ctl("quarantine", "release", item["id"])
        self.assertEqual(sink.wait(2)[1][1], ["other@example.org"])
        daemon.ctl("quarantine", "release", "--recipient", "lover@example.org", item["id"])
        self.assertEqual(sink.wait(3)[2][1], ["lover@example.org"])

    def test_release_that_fails_keeps_the_mail(self):
        self.sink.script = {"dot": "451 4.3.0 later"}
        ident = self.list()[0]["id"]
        r = self.daemon.ctl("quarantine", "release", ident, check=False)
        self.assertEqual(r.returncode, 75)
        self.assertIn("451", r.stderr.decode())
        self.assertEqual(len(self.list()), 3)

    def test_requeue_checks_again(self):
        ident = self.list()[0]["id"]
        self.daemon.write(self.daemon.dir + "/conf.d/30.conf",
                          "[routes]\nrequeue = smtp:[127.0.0.1]:%d\n" % self.daemon.port)
        self.daemon.ctl("quarantine", "requeue", ident)
        self.assertEqual(self.daemon.event(4)["category"], "virus")
        self.assertEqual(self.sink.mails, [])
        self.assertEqual(len(self.list()), 4)

    def test_names_are_confined(self):
        for ident in ("../../etc/passwd", "/etc/passwd", "..", "a/b"):
            r = self.daemon.ctl("quarantine", "show", ident, check=False)
            self.assertIn(r.returncode, (1, 2))
            self.assertNotIn(b"root:", r.stdout)
