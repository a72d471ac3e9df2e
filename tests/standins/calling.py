"""A job of the tests' own that calls a model: the simulated provider, once for the operator in its whole life."""

from __future__ import annotations

import uuid

from frontdesk.gateway import runtime
from frontdesk.gateway.journal.record import Caller
from frontdesk.gateway.messages import Message, Request
from frontdesk.project.jobs.job import Job
from frontdesk.project.jobs.schedule import Every
from frontdesk.tenants.models import Tenant
from frontdesk.usage.models import ProviderUsage

OPERATION = "job_test"


def call_model() -> str:
    """Ask, unless somebody has asked before."""
    operator = Tenant.objects.get(is_operator=True)
    if ProviderUsage.objects.for_tenant(operator).filter(operation=OPERATION).exists():
        return ""
    request = Request(model="simulated/echo", messages=(Message(role="user", content="hello"),))
    caller = Caller(tenant_id=operator.pk, request_id=str(uuid.uuid4()), operation=OPERATION)
    reply = runtime.call(lambda gateway: gateway.complete(request, caller), timeout_s=10)
    return reply.text


JOB = Job(name="tests.call_model", function=call_model, schedule=Every(3600), time_limit_s=60)
