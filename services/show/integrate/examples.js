// The ways in as text to copy, filled with this plant's address, topics and names.

import { aiokafka, java, kcat } from "/integrate/examples_kafka.js";
import { edge, replay } from "/integrate/examples_programs.js";
import { body, escaped, quoted } from "/integrate/typed.js";

// Where keys are set, the shell holds the sender's in FLOORSTREAM_API_KEY.
function curl(plant, address, path, type, sent) {
  const key = plant.keyed ? ' -H "Authorization: Bearer $FLOORSTREAM_API_KEY"' : "";
  return `curl -i ${address}${path}${key} -H 'Content-Type: ${type}' \\\n  --data-binary '${sent}'`;
}

function python(plant, address, scan) {
  const key = plant.keyed ? ', "Authorization": "Bearer " + os.environ["FLOORSTREAM_API_KEY"]' : "";
  return `import json, os, urllib.request, uuid
from datetime import datetime, timezone

event = json.loads(${JSON.stringify(JSON.stringify(scan))})
event["event_id"] = str(uuid.uuid4())
event["event_time"] = datetime.now(timezone.utc).isoformat()
headers = {"Content-Type": "application/json", "X-Source": "my-gateway"${key}}
request = urllib.request.Request("${address}/v1/scans", json.dumps([event]).encode(), headers)
with urllib.request.urlopen(request, timeout=10) as answer:
    print(answer.status, answer.read().decode())`;
}

function epcis(readPoint) {
  return {
    "@context": ["@floor@"],
    type: "EPCISDocument",
    schemaVersion: "2.0",
    creationDate: "@now@",
    epcisBody: {
      eventList: [{
        type: "ObjectEvent", action: "OBSERVE", eventTime: "@now@", eventTimeZoneOffset: "+00:00",
        epcList: ["urn:epc:id:sgtin:4012345.011111.MY-3"],
        readPoint: { id: `urn:floorstream:read_point:${readPoint}` },
      }],
    },
  };
}

function b2mml(namespace, product) {
  const pieces = "<Quantity><QuantityString>100</QuantityString><DataType>decimal</DataType></Quantity>";
  const made = `<MaterialDefinitionID>${product}</MaterialDefinitionID><MaterialUse>Produced</MaterialUse>${pieces}`;
  const job = `<JobOrder><ID>MY-ORDER-1</ID><MaterialRequirement>${made}</MaterialRequirement></JobOrder>`;
  return `<WorkSchedule xmlns="${namespace}"><ID>MY-PLAN</ID>
<WorkRequest><ID>MY-ORDER</ID>${job}</WorkRequest></WorkSchedule>`;
}

// [word of the title, text]; what needs a read point or a work unit is left out where the plant has none.
export function examples(plant, address) {
  const place = plant.read_points[0]?.id;
  const found = [];
  if (place !== undefined) {
    const scan = (unit) => ({ unit_id: unit, read_point_id: place });
    const now = (unit) => ({ ...scan(unit), event_time: "@now@" });
    found.push(
      ["integrate_http", curl(plant, address, "/v1/scans", "application/json", body(now("MY-1")))],
      ["integrate_lines", curl(plant, address, "/v1/scans", "application/x-ndjson", `${body(now("MY-1"))}\n${body(now("MY-2"))}\n`)],
      ["integrate_python", python(plant, address, scan("MY-2"))],
      ["integrate_aiokafka", aiokafka(plant.topics.scans, scan("MY-5"))],
      ["integrate_kcat", kcat(plant.topics.scans, scan("MY-4"))],
      ["integrate_java", java(plant.topics.scans, scan("MY-6"))],
      ["integrate_file", replay(place)],
      ["integrate_edge", edge(plant, address, place)],
      ["integrate_epcis", curl(plant, address, "/v1/epcis/capture", "application/json", body(epcis(place))).replaceAll("@floor@", plant.epcis_context)],
    );
  }
  const unit = plant.work_units[0];
  if (unit !== undefined) {
    const event = { work_unit_id: unit, event_time: "@now@", state: "execute" };
    found.push(["integrate_machine", curl(plant, address, "/v1/machine-events", "application/json", body(event))]);
  }
  const product = plant.product;
  if (product !== null) {
    found.push(["integrate_b2mml", curl(plant, address, "/v1/b2mml", "application/xml", quoted(b2mml(plant.b2mml_namespace, escaped(product))))]);
  }
  found.push(["integrate_plant", `curl -i ${address}/v1/plant`]);
  return found;
}
