# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""What the integration tests share: the installed amavisd, real Postfix instances, spamd, a next hop
that can be told to misbehave, and ways to send mail.  Everything lives in a temporary folder, on
loopback ports that the kernel chose, and is ended by process id."""

import glob
import itertools
import json
import os
import pwd
import re
import shutil
import signal
import socket
import socketserver
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

PREFIX = os.environ.get("AM_PREFIX", "/usr/local")
AMAVISD = os.path.join(PREFIX, "sbin/amavisd")
AMAVISCTL = os.path.join(PREFIX, "bin/amavisctl")
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + rb"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
GTUBE = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"


def need(*programs):
    """Skips the test when a program is not installed."""
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    for program in programs:
        if shutil.which(program, path=path) is None:
            raise unittest.SkipTest(program + " is not installed")


def need_root():
    if os.geteuid() != 0:
        raise unittest.SkipTest("needs root")


# Below the ports that the kernel gives to connections, so that none is taken between here and its use.
PORTS = itertools.count(int(os.environ.get("AM_TEST_PORTS", "10000")))
MARKS = []


def free_port():
    """A port that nobody listens on, and that no other run of these tests is given while this one lasts: the same
    port of UDP, which nobody needs, is ours."""
    for port in PORTS:
        mark = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            mark.bind(("127.0.0.1", port))
            with socket.socket() as s:
                s.bind(("127.0.0.1", port))
        except OSError:
            mark.close()
            continue
        MARKS.append(mark)
        return port


def wait_for(what, condition, seconds=30, step=0.05):
    """Waits until condition() is true; returns its value or fails with `what`."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("waited %d s in vain for %s" % (seconds, what))
        time.sleep(step)


def port_is_open(port):
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex(("127.0.0.1", port)) == 0


def message(subject="hello", body="Hello, world.\n", headers="", sender="sender@example.org",
            to="rcpt@example.org"):
    """A small plain mail, LF line ends, as bytes."""
    text = ("From: <%s>\nTo: <%s>\nSubject: %s\nDate: Sun, 22 Nov 2026 12:00:00 +0000\n"
            "Message-ID: <%s@example.org>\n%s\n%s" %
            (sender, to, subject, os.urandom(8).hex(), headers, body))
    return text.encode()


def attachment(name, data, ctype="application/octet-stream", subject="with attachment"):
    """A multipart mail with one base64 attachment."""
    import base64
    b64 = base64.encodebytes(data).decode()
    return message(subject, headers='MIME-Version: 1.0\n'
                   'Content-Type: multipart/mixed; boundary="=_b1"\n',
                   body="--=_b1\nContent-Type: text/plain\n\nsee the attachment\n\n"
                   '--=_b1\nContent-Type: %s; name="%s"\n'
                   'Content-Disposition: attachment; filename="%s"\n'
                   "Content-Transfer-Encoding: base64\n\n%s\n--=_b1--\n" % (ctype, name, name, b64))


class Daemon:
    """The installed amavisd with a configuration of its own."""

    def __init__(self, case, config="", forward=None, lua=None, protocol="smtp", user=None,
                 spool=None, quarantine=True, clamav=False, wait=True, start=True, fragments=None,
                 listener=""):
        self.dir = tempfile.mkdtemp(prefix="amavisd-test-")
        os.chmod(self.dir, 0o755)
        case.addCleanup(self.remove)
        self.port = free_port()
        self.log_path = self.dir + "/amavisd.log"
        self.run = self.dir + "/run"
        self.spool = spool or self.dir + "/spool"
        self.quarantine = self.dir + "/quarantine"
        self.user = user or ("amavis-test" if os.geteuid() == 0 else pwd.getpwuid(os.getuid())[0])
        if os.geteuid() == 0 and self.user == "amavis-test":
            make_user(self.user)
        for path in (self.run, self.spool, self.quarantine):
            os.makedirs(path, exist_ok=True)
            if os.geteuid() == 0:
                shutil.chown(path, self.user)
        self.conf = self.dir + "/amavisd.conf"
        text = ("[amavisd]\nuser = %s\nrun_directory = %s\nspool_directory = %s\nlog = file:%s\n"
                "log_format = json\nhostname = filter.example.org\n"
                "[listener in]\naddress = 127.0.0.1:%d\nprotocol = %s\n%s" %
                (self.user, self.run, self.spool, self.log_path, self.port, protocol, listener))
        if forward is not None:
            text += "[routes]\nforward = %s\n" % (
                forward if isinstance(forward, str) else "smtp:[127.0.0.1]:%d" % forward)
        if quarantine:
            text += "[quarantine file]\ndirectory = %s\n" % self.quarantine
        if clamav:
            text += "[scanner clamav]\ndatabase = %s\n" % (
                clamav if isinstance(clamav, str) else clam_database(self))
        self.write(self.conf, text + config)
        os.makedirs(self.dir + "/conf.d")
        if lua is not None:
            self.write(self.dir + "/conf.d/50-test.lua", lua)
        for name, content in (fragments or {}).items():
            self.write(self.dir + "/conf.d/" + name, content)
        self.process = None
        if start:
            self.start(wait)

    def write(self, path, text):
        with open(path, "w") as f:
            f.write(text)

    def start(self, wait=True):
        # a log the daemon's user may write
        open(self.log_path, "a").close()
        if os.geteuid() == 0:
            shutil.chown(self.log_path, self.user)
        self.errors = open(self.dir + "/stderr", "ab")
        self.process = subprocess.Popen([AMAVISD, "--foreground", "--config", self.conf],
                                        stdin=subprocess.DEVNULL, stdout=self.errors,
                                        stderr=self.errors)
        if wait:
            self.wait_ready()

    def wait_ready(self, seconds=60):
        wait_for("amavisd to serve", self.is_ready, seconds)

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError("amavisd ended with %d: %s%s" %
                                 (self.process.returncode, self.stderr(), self.log_text()))
        try:
            return self.status().get("session_pids")
        except (subprocess.CalledProcessError, ValueError):
            return False

    def ctl(self, *args, input=None, check=True):
        r = subprocess.run([AMAVISCTL, args[0], "--config", self.conf] + list(args[1:]),
                           input=input, capture_output=True, timeout=300)
        if check and r.returncode != 0:
            raise subprocess.CalledProcessError(r.returncode, args, r.stdout, r.stderr)
        return r

    def status(self):
        return json.loads(self.ctl("status", "--json").stdout)

    def stderr(self):
        return open(self.dir + "/stderr", errors="replace").read()

    def log_text(self):
        try:
            return open(self.log_path, errors="replace").read()
        except FileNotFoundError:
            return ""

    def events(self):
        """The JSON events of mails, in the order logged."""
        found = []
        for line in self.log_text().splitlines():
            try:
                value = json.loads(line)
            except ValueError:
                continue
            if "recipients" in value:
                found.append(value)
        return found

    def event(self, n=1, seconds=20):
        """Waits for the n-th event."""
        return wait_for("event %d" % n, lambda: (self.events() + [None] * n)[n - 1], seconds)

    def stop(self, seconds=30):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                for pid in tree(self.process.pid):
                    os.kill(pid, signal.SIGKILL)
                self.process.wait(10)
                raise AssertionError("amavisd did not end on SIGTERM")
        return self.process.returncode if self.process else None

    def remove(self):
        try:
            self.stop()
        finally:
            if os.environ.get("KEEP"):
                print("kept", self.dir)
            else:
                shutil.rmtree(self.dir, ignore_errors=True)

    def quarantined(self):
        return [f for f in glob.glob(self.quarantine + "/**", recursive=True) if os.path.isfile(f)]


def make_user(name):
    """A user and group of that name.  Another test may be at it, and have the file of users locked."""
    def is_there():
        try:
            return pwd.getpwnam(name)
        except KeyError:
            subprocess.run(["useradd", "--system", "--no-create-home", "--user-group", "--shell", "/usr/sbin/nologin",
                            name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            return False
    wait_for("the user " + name, is_there, step=0.2)


def clam_database(daemon, *signatures):
    """A database folder with the EICAR signature and the test signature of ClamAV's test files."""
    path = daemon.dir + "/clamdb"
    os.makedirs(path, exist_ok=True)
    with open(path + "/test.ndb", "w") as f:
        f.write("Test.EICAR:0:0:%s\n" % EICAR.hex())
        for line in signatures:
            f.write(line + "\n")
    return path


def tree(pid):
    """pid and all its descendants."""
    out = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True).stdout
    children = {}
    for line in out.splitlines():
        a, b = map(int, line.split())
        children.setdefault(b, []).append(a)
    found = [pid]
    for p in found:
        found.extend(children.get(p, []))
    return found


class Sink(socketserver.ThreadingTCPServer):
    """An SMTP or LMTP next hop that keeps what it gets.  `script` maps a verb (or "greeting", "dot")
    to a reply, to "drop" (close), "stall" (say nothing) or to a callable that returns one of these."""
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, case, script=None, port=0, keywords=("PIPELINING", "8BITMIME", "SIZE 0",
                                                            "ENHANCEDSTATUSCODES"), delay=0,
                 certificate=None, address="127.0.0.1", tls_keywords=(), implicit=False):
        super().__init__((address, port), SinkSession)
        self.port = self.server_address[1]
        self.mails = []          # (sender, [recipients], bytes)
        self.half = []           # bytes of DATA that never saw a final dot
        self.script = script or {}
        self.keywords = keywords # with CHUNKING it takes BDAT
        self.tls_keywords = tls_keywords # and these inside TLS
        self.commands = []       # lines of MAIL, RCPT, DATA, BDAT as they came
        self.delay = delay
        self.tls = None          # with a certificate STARTTLS is offered
        self.implicit = implicit # or TLS is from the first byte on
        self.encrypted = 0       # handshakes
        if certificate:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(certificate)
        self.connections = 0
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()
        case.addCleanup(self.close)

    def close(self):
        self.shutdown()
        self.server_close()

    def handle_error(self, request, address):
        pass

    def wait(self, n=1, seconds=30):
        wait_for("%d mails at the next hop" % n, lambda: len(self.mails) >= n, seconds)
        return self.mails


class SinkSession(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")
        self.wfile.flush()

    def answer(self, verb, default):
        """Says the scripted or the default reply; False when the session is over."""
        reply = self.server.script.get(verb, default)
        if callable(reply):
            reply = reply() or default
        if reply == "drop":
            return None
        if reply == "stall":
            time.sleep(3600)
        self.say(reply)
        return reply[0] == "2" or reply[0] == "3"

    def handle(self):
        server = self.server
        with server.lock:
            server.connections += 1
        if server.implicit:
            self.encrypt()
        ok = self.answer("greeting", "220 sink.example.org ESMTP")
        if ok is None:
            return
        sender, recipients, lmtp = None, [], False
        while True:
            line = self.rfile.readline(100000)
            if not line:
                return
            text = line.decode("utf-8", "replace").strip()
            verb = text.split(" ")[0].upper()
            if verb in ("MAIL", "RCPT", "DATA", "BDAT"):
                with server.lock:
                    server.commands.append(text)
            if verb in ("EHLO", "LHLO"):
                lmtp = verb == "LHLO"
                words = ["sink.example.org"] + list(server.keywords)
                if isinstance(self.connection, ssl.SSLSocket):
                    words += server.tls_keywords
                elif server.tls:
                    words.append("STARTTLS")
                reply = "\r\n".join("250%s%s" % ("-" if i < len(words) - 1 else " ", w)
                                    for i, w in enumerate(words))
                ok = self.answer(verb, reply)
            elif verb == "MAIL":
                sender, recipients, self.chunks = None, [], []
                ok = self.answer(verb, "250 2.1.0 Ok")
                if ok:
                    sender, recipients = re.search(r"<(.*?)>", text).group(1), []
            elif verb == "RCPT":
                address = re.search(r"<(.*?)>", text).group(1)
                key = "RCPT " + address
                ok = self.answer(key if key in server.script else verb,
                                 "503 5.5.1 MAIL first" if sender is None else "250 2.1.5 Ok")
                if ok and sender is not None:
                    recipients.append(address)
            elif verb == "DATA":
                ok = self.answer(verb, "354 go ahead" if recipients else "554 5.5.1 no recipients")
                if ok:
                    ok = self.data(sender, recipients, lmtp)
            elif verb == "BDAT":
                ok = self.chunk(text.upper().split(), sender, recipients, lmtp)
            elif verb == "QUIT":
                self.answer(verb, "221 2.0.0 bye")
                return
            elif verb == "STARTTLS" and server.tls:
                ok = self.answer(verb, "220 2.0.0 go ahead")
                if ok:
                    self.encrypt()
            else:
                ok = self.answer(verb, "250 2.0.0 Ok")
            if ok is None:
                return

    def encrypt(self):
        self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb")
        with self.server.lock:
            self.server.encrypted += 1

    def data(self, sender, recipients, lmtp):
        if self.server.script.get("DATA-drop"):
            self.rfile.readline(1000)
            return None
        parts = []
        while True:
            line = self.rfile.readline(1 << 20)
            if not line:
                with self.server.lock:
                    self.server.half.append(b"".join(parts))
                return None
            if line == b".\r\n":
                break
            parts.append(line[1:] if line.startswith(b".") else line)
        return self.take(b"".join(parts), sender, recipients, lmtp)

    def chunk(self, words, sender, recipients, lmtp):
        self.chunks.append(self.rfile.read(int(words[1])))
        if words[2:] == ["LAST"]:
            return self.take(b"".join(self.chunks), sender, recipients, lmtp)
        return self.answer("BDAT", "250 2.0.0 Ok")

    def take(self, data, sender, recipients, lmtp):
        if self.server.delay:
            time.sleep(self.server.delay)
        mail = (sender, list(recipients), data)
        is_scripted = any(key == "dot" or lmtp and key.startswith("dot ") for key in self.server.script)
        if not is_scripted:
            with self.server.lock:  # kept before it is confirmed, as a real MTA does
                self.server.mails.append(mail)
        number = len(self.server.mails)
        if lmtp:
            ok = True
            for r in recipients:
                key = "dot " + r
                got = self.answer(key if key in self.server.script else "dot",
                                  "250 2.0.0 Ok: queued as L%d" % (number + is_scripted))
                if got is None:
                    return None
            if is_scripted:
                with self.server.lock:
                    self.server.mails.append(mail)
            return ok
        return self.answer("dot", "250 2.0.0 Ok: queued as S%d" % number)


class Client:
    """A bare SMTP/LMTP client that shows every reply."""

    def __init__(self, port, hello="EHLO client.example.org", timeout=60):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.file = self.socket.makefile("rb")
        self.greeting = self.reply()
        if hello:
            self.hello = self.command(hello)

    def reply(self):
        lines = []
        while True:
            line = self.file.readline().decode("utf-8", "replace").rstrip("\r\n")
            if not line:
                return "\n".join(lines) or "EOF"
            lines.append(line)
            if line[3:4] != "-":
                return "\n".join(lines)

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def command(self, text):
        self.send(text + "\r\n")
        return self.reply()

    def mail(self, data, sender="sender@example.org", to=("rcpt@example.org",), lmtp=False):
        """One transaction; the reply (or the list of replies for LMTP) to the final dot, or the
        first refusal."""
        if isinstance(to, str):
            to = (to,)
        for line in ["MAIL FROM:<%s>" % sender] + ["RCPT TO:<%s>" % t for t in to] + ["DATA"]:
            r = self.command(line)
            if r[0] not in "23":
                return r
        data = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        if data.startswith(b"."):
            data = b"." + data
        self.send(data.replace(b"\r\n.", b"\r\n..") +
                  (b"" if data.endswith(b"\r\n") else b"\r\n") + b".\r\n")
        return [self.reply() for _ in to] if lmtp else self.reply()

    def close(self):
        self.file.close()
        self.socket.close()


def send(port, data, sender="sender@example.org", to=("rcpt@example.org",), lmtp=False):
    client = Client(port, "LHLO client.example.org" if lmtp else "EHLO client.example.org")
    try:
        return client.mail(data, sender, to, lmtp)
    finally:
        client.close()


def certificates(directory):
    """An authority (ca.pem) and certificates of it and of others, each with its key in the file."""
    def openssl(*args):
        subprocess.run(("openssl",) + args, cwd=directory, check=True, capture_output=True)

    def make(name, common_name, san=None, issuer=None, dates=None):
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", name + ".key", "-subj", "/CN=" + common_name, "-out", name + ".csr")
        with open("%s/%s.ext" % (directory, name), "w") as f:
            f.write("basicConstraints=CA:%s\n" % ("FALSE" if san or issuer else "TRUE"))
            f.write("subjectAltName=%s\n" % san if san else "")
        sign = ["x509", "-req", "-in", name + ".csr", "-extfile", name + ".ext", "-days",
                str(dates if dates is not None else 10), "-out", name + ".pem"]
        openssl(*(sign + (["-CA", issuer + ".pem", "-CAkey", issuer + ".key", "-CAcreateserial"]
                          if issuer else ["-key", name + ".key"])))
        with open("%s/%s.pem" % (directory, name), "a") as f:
            f.write(open("%s/%s.key" % (directory, name)).read())
        os.chmod("%s/%s.pem" % (directory, name), 0o644)

    make("ca", "Test Authority")
    make("good", "filter.example.org", "DNS:filter.example.org,IP:127.0.0.1", "ca")
    make("second", "second.example.org", "DNS:filter.example.org,IP:127.0.0.1", "ca")
    make("expired", "filter.example.org", "IP:127.0.0.1", "ca", dates=0)
    make("wrong-name", "www.example.org", "DNS:www.example.org", "ca")
    make("self", "filter.example.org", "IP:127.0.0.1")
    make("client", "relay.example.org", None, "ca")


class Certified(unittest.TestCase):
    """A test with certificates() in self.dir, which the daemon may read."""

    @classmethod
    def setUpClass(cls):
        need("openssl")
        cls.dir = tempfile.mkdtemp(prefix="amavisd-tls-")
        cls.addClassCleanup(shutil.rmtree, cls.dir)
        os.chmod(cls.dir, 0o755)
        certificates(cls.dir)

    def file(self, name):
        return "%s/%s.pem" % (self.dir, name)

    def context(self, certificate=None):
        context = ssl.create_default_context(cafile=self.file("ca"))
        if certificate:
            context.load_cert_chain(self.file(certificate))
        return context


class Postfix:
    """A Postfix instance of its own.  in_port: where it takes mail; extra: further main.cf lines;
    services: further master.cf text; deliver: mail for example.org lands in self.maildir."""

    def __init__(self, case, extra="", services="", deliver=True, smtpd_options=""):
        need_root()
        need("postfix", "postconf")
        make_user("amavis-test")
        self.dir = tempfile.mkdtemp(prefix="postfix-test-")
        os.chmod(self.dir, 0o755)
        self.port = free_port()
        self.maildir = self.dir + "/mail/inbox"
        uid, gid = pwd.getpwnam("amavis-test")[2:4]
        for name in ("conf", "queue", "data", "mail"):
            os.mkdir(self.dir + "/" + name)
        shutil.chown(self.dir + "/data", "postfix")
        os.chown(self.dir + "/mail", uid, gid)
        with open(self.dir + "/conf/main.cf", "w") as f:
            f.write("""compatibility_level = 3.6
queue_directory = {d}/queue
data_directory = {d}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mta.example.org
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
multi_instance_enable = yes
multi_instance_name = postfix-{n}
smtpd_relay_restrictions = permit_mynetworks, reject
maillog_file = {d}/maillog
maillog_file_prefixes = {d}
virtual_mailbox_domains = {domains}
virtual_mailbox_base = {d}/mail
virtual_mailbox_maps = static:inbox/
virtual_minimum_uid = 1
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
mailbox_size_limit = 0
virtual_mailbox_limit = 0
message_size_limit = 0
default_transport = smtp
disable_dns_lookups = yes
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
bounce_queue_lifetime = 1h
minimal_backoff_time = 2s
maximal_backoff_time = 4s
queue_run_delay = 2s
notify_classes =
in_flow_delay = 0
{extra}
""".format(d=self.dir, n=os.path.basename(self.dir), uid=uid, gid=gid, extra=extra,
           domains="example.org" if deliver else ""))
        with open(self.dir + "/conf/master.cf", "w") as f:
            f.write("""127.0.0.1:{port} inet n - n - - smtpd {options}
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 2 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
{services}
""".format(port=self.port, services=services, options=smtpd_options))
        case.addCleanup(self.remove)
        self.command("start")
        wait_for("Postfix on port %d" % self.port, lambda: port_is_open(self.port))

    def command(self, word, check=True):
        r = subprocess.run(["postfix", "-c", self.dir + "/conf", word], capture_output=True,
                           text=True, env=dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin"))
        if check and r.returncode != 0:
            raise AssertionError("postfix %s: %s%s" % (word, r.stderr, self.log()))

    def log(self):
        try:
            return open(self.dir + "/maillog", errors="replace").read()
        except FileNotFoundError:
            return ""

    def inbox(self):
        """Paths of the mails delivered."""
        return glob.glob(self.maildir + "/new/*")

    def mails(self):
        return [open(path, "rb").read() for path in self.inbox()]

    def wait(self, n, seconds=60):
        def enough():
            return len(self.inbox()) >= n
        try:
            wait_for("%d mails in the mailbox" % n, enough, seconds)
        except AssertionError as e:
            raise AssertionError("%s; %d there\n%s" % (e, len(self.inbox()), self.log()[-3000:]))
        return self.mails()

    def queued(self):
        """Queue ids still in the queue."""
        found = []
        for name in ("incoming", "active", "deferred", "maildrop"):
            for path in glob.glob(self.dir + "/queue/" + name + "/**", recursive=True):
                if os.path.isfile(path):
                    found.append(os.path.basename(path))
        return found

    def flush(self):
        subprocess.run(["postqueue", "-c", self.dir + "/conf", "-f"], check=False)

    def remove(self):
        self.command("stop", check=False)
        for _ in range(50):
            if not port_is_open(self.port):
                break
            time.sleep(0.1)
        if os.environ.get("KEEP"):
            print("kept", self.dir)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)


class Mute:
    """Takes connections and says nothing."""

    def __init__(self, case):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self.socket.getsockname()[1]
        case.addCleanup(self.socket.close)


class Spamd:
    """A real spamd, local rules only."""

    def __init__(self, case):
        need("spamd")
        self.port = free_port()
        self.dir = tempfile.mkdtemp(prefix="spamd-test-")
        self.log = open(self.dir + "/log", "w")
        self.process = subprocess.Popen(
            ["spamd", "--local", "--nouser-config", "--listen", "127.0.0.1", "--port",
             str(self.port), "--max-children", "2", "--syslog", "stderr", "--helper-home-dir",
             self.dir] + (["--username", "nobody"] if os.geteuid() == 0 else []),
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            env=dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin"))
        case.addCleanup(self.remove)
        wait_for("spamd", self.is_ready, 90, 0.2)

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError("spamd ended: " + open(self.dir + "/log").read())
        return port_is_open(self.port)

    def remove(self):
        self.process.terminate()
        self.process.wait(20)
        shutil.rmtree(self.dir, ignore_errors=True)
