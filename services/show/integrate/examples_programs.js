// Ways in by floorstream's own commands: what files hold, and what devices say, for which nothing needs to be written.

import { quoted } from "/integrate/typed.js";

export function replay(place) {
  const cell = quoted(`"${place.replace(/"/g, '""')}"`);
  return `printf 'serial,time,place\\n%s\\n' 'MY-7,'"$(date -u +%FT%TZ)"',${cell}' > reads.csv
floorstream replay reads.csv --columns unit_id=serial,event_time=time,read_point_id=place`;
}

export function edge(plant, address, place) {
  const key = plant.keyed ? "\n  key_file: edge.key  # ID.SECRET, mode 600" : "";
  return `cat > edge.yaml << 'END'
server:
  url: ${address}${key}
scanners:
  gate-1: {listen: '127.0.0.1:4000', read_point: '${place.replace(/'/g, "''")}'}
END
floorstream edge check edge.yaml
floorstream edge --config edge.yaml`;
}
