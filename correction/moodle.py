"""Les noms que Moodle donne aux remises."""

import re

MOODLE = re.compile(r"^(?P<nom>.+?)_\d+_assignsubmission_\w+?_(?P<reste>.*)$")
