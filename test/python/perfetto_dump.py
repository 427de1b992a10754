"""Reads a Perfetto trace with Perfetto's own schema and prints what is in it as JSON."""

import json
import sys
from collections.abc import Sequence

from google.protobuf.unknown_fields import UnknownFieldSet
from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace, TrackEvent

trace = Trace()
with open(sys.argv[1], "rb") as file:
    trace.ParseFromString(file.read())

names, categories, annotations, tracks = {}, {}, {}, {}
clock_id, snapshot, slices, instants, counters, unknown = None, None, [], [], [], 0
open_slices, unordered = {}, 0


def strange(message):
    """How many fields the schema does not know, at any depth."""
    count = len(UnknownFieldSet(message))
    for field, value in message.ListFields():
        if field.message_type is not None:
            count += sum(map(strange, value)) if isinstance(value, Sequence) else strange(value)
    return count


def facts(event):
    found = {}
    for note in event.debug_annotations:
        value = note.WhichOneof("value")
        found[annotations[note.name_iid]] = getattr(note, value)
    return found


for packet in trace.packet:
    unknown += strange(packet)
    assert packet.trusted_packet_sequence_id == 1
    if packet.HasField("clock_snapshot"):
        shot = packet.clock_snapshot
        snapshot = {"primary": shot.primary_trace_clock, "clocks": {c.clock_id: str(c.timestamp) for c in shot.clocks}}
    if packet.HasField("trace_packet_defaults"):
        assert packet.sequence_flags == 1
        clock_id = packet.trace_packet_defaults.timestamp_clock_id
    if packet.HasField("interned_data"):
        data = packet.interned_data
        names.update({entry.iid: entry.name for entry in data.event_names})
        categories.update({entry.iid: entry.name for entry in data.event_categories})
        annotations.update({entry.iid: entry.name for entry in data.debug_annotation_names})
    if packet.HasField("track_descriptor"):
        track = packet.track_descriptor
        assert track.uuid not in tracks
        tracks[track.uuid] = {
            "name": track.process.process_name if track.HasField("process") else track.name,
            "process": track.HasField("process"),
            "parent": tracks[track.parent_uuid]["name"] if track.parent_uuid else None,
            "unit": track.counter.unit_name or track.counter.unit if track.HasField("counter") else None,
        }
    if not packet.HasField("track_event"):
        continue
    event = packet.track_event
    assert packet.sequence_flags == 2
    track = tracks[event.track_uuid]
    path = f"{track['parent']}/{track['name']}"
    before = track.get("last", 0)
    unordered += packet.timestamp < before
    track["last"] = max(before, packet.timestamp)
    if event.type == TrackEvent.TYPE_COUNTER:
        counters.append([path, packet.timestamp, event.double_counter_value])
        continue
    if event.type == TrackEvent.TYPE_SLICE_END:
        begun = open_slices[event.track_uuid].pop()
        begun["dur"] = packet.timestamp - begun["t"]
        continue
    made = {
        "track": path,
        "t": packet.timestamp,
        "name": event.name or names[event.name_iid],
        "category": [categories[iid] for iid in event.category_iids],
        "facts": facts(event),
        "out": list(event.flow_ids),
        "in": list(event.terminating_flow_ids),
    }
    if event.type == TrackEvent.TYPE_SLICE_BEGIN:
        made["depth"] = len(open_slices.setdefault(event.track_uuid, []))
        open_slices[event.track_uuid].append(made)
        slices.append(made)
    else:
        assert event.type == TrackEvent.TYPE_INSTANT
        instants.append(made)

json.dump(
    {
        "packets": len(trace.packet),
        "clock_id": clock_id,
        "snapshot": snapshot,
        "tracks": list(tracks.values()),
        "slices": slices,
        "instants": instants,
        "counters": counters,
        "left_open": sum(map(len, open_slices.values())),
        "unordered": unordered,
        "unknown": unknown,
    },
    sys.stdout,
)
