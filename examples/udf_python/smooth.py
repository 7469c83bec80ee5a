"""@smooth(): a field smoothed exponentially, group by group. It remembers where it was over a restart."""
import json

from kapacitor_udf import FLOAT, STRING, Function, serve


class Smooth(Function):
    options = {"field": [STRING], "weight": [FLOAT], "as": [STRING]}

    def init(self):
        self.last = {}
        self.field = self.option("field", "value")
        self.weight = self.option("weight", 0.5)
        if not 0 < self.weight <= 1:
            raise ValueError("weight must be above 0 and at most 1, not %s" % self.weight)

    def point(self, point):
        value = point.fields.get(self.field)
        if type(value) in (int, float):
            before = self.last.get(point.group, value)
            smooth = self.last[point.group] = before + self.weight * (value - before)
            point.fields[self.option("as", "smooth")] = float(smooth)
        self.give(point)

    def snapshot(self):
        return json.dumps(self.last).encode()

    def restore(self, snapshot):
        self.last = json.loads(snapshot)


serve(Smooth)
