"""Serves the project in the current folder to the requests on stdin; a process has one Django project."""

from __future__ import annotations

import asyncio
import json
import os
import sys

from django.core.wsgi import get_wsgi_application

from tests.integration.frameworks.calling import wsgi

sys.path.insert(0, os.getcwd())  # noqa: PTH109  as manage.py has it
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
call = wsgi(get_wsgi_application())
answers = [asyncio.run(call(path, headers)) for path, headers in json.load(sys.stdin)]
print(json.dumps([[answer.status, answer.headers, answer.body.decode()] for answer in answers]))  # noqa: T201
