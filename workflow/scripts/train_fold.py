from _job import start
