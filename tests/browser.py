"Shared by the tests that open a real browser: where it is, how it is started, what happens where there is none"
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
import os, shutil

import pytest

ARGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
        '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage']


def need(program, package, *more_places):
    "The path of a program; without it the test is skipped, and fails in CI, which installs what tests need"
    found = shutil.which(program) or next((p for p in more_places if os.access(p, os.X_OK)), None)
    if found: return found
    reason = f'{program} is not installed: apt-get install {package}'
    if os.environ.get('CI', '').lower() in ('1', 'true'): pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def chromium():
    "A running Chromium, ended with the block"
    path = need('chromium', 'chromium', '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome')
    from playwright.sync_api import sync_playwright
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=path, args=ARGS)
        try: yield browser
        finally: browser.close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args): pass


@contextmanager
def served(folder):
    "The address of a server of the files in `folder`, on a free port of the loopback interface"
    server = ThreadingHTTPServer(('127.0.0.1', 0), partial(_Quiet, directory=str(folder)))
    thread = Thread(target=server.serve_forever, kwargs={'poll_interval': 0.05}, daemon=True)
    thread.start()
    try: yield f'http://127.0.0.1:{server.server_address[1]}/'
    finally: server.shutdown(); server.server_close(); thread.join()
