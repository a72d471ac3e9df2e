"""Jobs: the functions of the apps that run by the clock, their schedule, and the two ways to run them.

`table` has the schedule, `run` runs one job under its lease, `embedded` does so in a serving process, and
`frontdesk.project.celery` in Celery's workers. Either way the rows of `frontdesk.tenants.lease` say what is due.
"""
