#!/usr/bin/env python3
"""Chromium asks `coax serve` for /time over a WebSocket, and shows the answer in a page: directly, through nginx, and not at
all where the page is somebody else's."""

import unittest

import browser
import coax
import nginx
import peers
import ws


class BrowserTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.secrets = peers.Secrets()
        cls.addClassCleanup(cls.secrets.close)
        cls.website = browser.Website()
        cls.addClassCleanup(cls.website.close)
        cls.server = cls.start()
        cls.proxy = nginx.Proxy(cls.server.port("coap+ws"), cls.secrets.server, {browser.PAGE: browser.page()})
        cls.addClassCleanup(cls.proxy.__exit__)

    @classmethod
    def start(cls, *more, schemes=("coap+ws",)):
        server = coax.Server(cls.secrets, *([cls.secrets.server_alone] if "coaps+ws" in schemes else []), schemes=schemes, more=more)
        cls.addClassCleanup(server.__exit__)
        return server

    def socket(self, server, scheme="coap+ws"):
        return ws.url(server.base(scheme), "")

    def answered(self, shown):
        self.assertEqual(("answered", "2.05"), (shown["state"], shown["code"]), shown)
        self.assertRegex(shown["payload"], r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d")
        self.assertIn("2=1048576", shown["settings"])
        self.assertEqual([], shown["errors"])

    def refused(self, shown):
        self.assertEqual("closed 1006", shown["state"], shown)
        self.assertTrue(any("403" in error for error in shown["errors"]), shown)

    def test_directly(self):
        """The page is of another port of the same host; once more over TLS."""
        secure = self.start(schemes=("coaps+ws",))
        for shown in browser.visit(browser.address(self.website.base(), server=self.socket(self.server)),
                                   browser.address(self.website.base(), server=self.socket(secure, "coaps+ws"))):
            self.answered(shown)

    def test_through_nginx(self):
        """The page and CoAP have the same origin."""
        for shown in browser.visit(browser.address(self.proxy.base("http")), browser.address(self.proxy.base("https"))):
            self.answered(shown)

    def test_a_page_of_another_host(self):
        stranger = self.website.base("localhost")
        allowing = self.start("--origin", stranger)
        directly, through_nginx, allowed, not_in_the_list = browser.visit(
            browser.address(stranger, server=self.socket(self.server)),
            browser.address(stranger, server=ws.url(self.proxy.base("coap+ws"), "")),
            browser.address(stranger, server=self.socket(allowing)),
            browser.address(self.website.base(), server=self.socket(allowing)))
        self.refused(directly)
        self.refused(through_nginx)
        self.answered(allowed)
        self.refused(not_in_the_list)


if __name__ == "__main__":
    unittest.main()
