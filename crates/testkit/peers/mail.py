"""A mail server for tests: takes mails on a free loopback port and writes each as a line of JSON.

usage: mail.py MAILS [--certificate FILE --key FILE [--implicit]] [--login USER PASSWORD]
With a certificate, STARTTLS must be used, or TLS from the first byte on. Prints its port once it listens.
"""

import argparse
import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


class Mails:
    def __init__(self, path):
        self.path = path

    async def handle_DATA(self, server, session, envelope):
        mail = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "text": envelope.content.decode(),
            "encrypted": server.transport.get_extra_info("sslcontext") is not None,
            "user": (session.auth_data or b"").decode(),
        }
        with open(self.path, "a") as file:
            file.write(json.dumps(mail) + "\n")
        return "250 OK"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("mails")
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--implicit", action="store_true")
    parser.add_argument("--login", nargs=2)
    args = parser.parse_args()

    context = None
    if args.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(args.certificate, args.key)

    def authenticate(server, session, envelope, mechanism, data):
        right = [data.login.decode(), data.password.decode()] == args.login
        return AuthResult(success=right, handled=False, auth_data=data.login)

    def session():
        return SMTP(
            Mails(args.mails),
            hostname="mail.test",
            tls_context=None if args.implicit else context,
            require_starttls=context is not None and not args.implicit,
            auth_required=args.login is not None,
            auth_require_tls=context is not None and not args.implicit,
            authenticator=authenticate if args.login else None,
        )

    async def serve():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(session, "127.0.0.1", 0, ssl=context if args.implicit else None)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    asyncio.run(serve())


sys.exit(main())
