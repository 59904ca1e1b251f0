"""Names in an EPCIS document: prefixes and bare words → the absolute URIs they stand for.

EPCIS 2.0 ch. 10 and the context https://ref.gs1.org/standards/epcis/epcis-context.jsonld: a prefix is declared there,
in the document or in the event (`"@context": [{"ext": "https://…"}]`); the words of the Core Business Vocabulary stand
for `https://ref.gs1.org/cbv/…`, those of the Web Vocabulary for `https://gs1.org/voc/…`. Contexts are read for their
prefixes only; none is fetched.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
"""What a document of ours names as its `@context`."""
MOST_PREFIXES, LONGEST_NAMESPACE = 100, 256
"""That a `@context` may declare, and characters of each."""
CBV = "https://ref.gs1.org/cbv/"
VOC = "https://gs1.org/voc/"
STANDARD: Mapping[str, str] = {
    "epcis": "https://ref.gs1.org/epcis/",
    "cbv": CBV,
    "cbvmda": "urn:epcglobal:cbv:mda:",
    "gs1": VOC,
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "owl": "http://www.w3.org/2002/07/owl#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "dcterms": "http://purl.org/dc/terms/",
}
"""Prefixes that the standard's own context declares."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


BIZ_STEPS = _words("""
accepting arriving assembling collecting commissioning consigning creating_class_instance cycle_counting
decommissioning departing destroying disassembling dispensing encoding entering_exiting holding inspecting
installing killing loading other packing picking receiving removing repackaging repairing replacing reserving
retail_selling sampling sensor_reporting shipping staging_outbound stock_taking stocking storing transporting
unloading unpacking void_shipping
""")
DISPOSITIONS = _words("""
active available completeness_inferred completeness_verified conformant container_closed container_open damaged
destroyed dispensed disposed encoded expired in_progress in_transit inactive mismatch_class mismatch_instance
mismatch_quantity needs_replacement no_pedigree_match non_conformant non_sellable_other partially_dispensed
recalled reserved retail_sold returned sellable_accessible sellable_not_accessible stolen unavailable unknown
""")
TRANSACTION_TYPES = _words("""
bol cert desadv inv pedigree po poc prodorder recadv rma testprd testres upevt
""")
PARTY_TYPES = frozenset(["owning_party", "possessing_party", "location"])
REASONS = frozenset(["did_not_occur", "incorrect_data"])
COMPONENTS = _words("""
x y z axial_distance azimuth height spherical_radius polar_angle elevation_angle easting northing latitude
longitude altitude
""")
ALERTS = frozenset(["ALARM_CONDITION", "ERROR_CONDITION"])
MEASUREMENTS = _words("""
AbsoluteHumidity AbsorbedDose AbsorbedDoseRate Acceleration Altitude AmountOfSubstance
AmountOfSubstancePerUnitVolume Angle AngularAcceleration AngularMomentum AngularVelocity Area Capacitance
Conductance Conductivity Count Density Dimensionless DoseEquivalent DoseEquivalentRate DynamicViscosity
ElectricCharge ElectricCurrent ElectricCurrentDensity ElectricFieldStrength Energy Exposure Force Frequency
Illuminance Inductance Irradiance KinematicViscosity Length LinearMomentum Luminance LuminousFlux
LuminousIntensity MagneticFlux MagneticFluxDensity MagneticVectorPotential Mass MassConcentration MassFlowRate
MassPerAreaTime MemoryCapacity MolalityOfSolute MolarEnergy MolarMass MolarVolume Power Pressure RadiantFlux
RadiantIntensity Radioactivity RelativeHumidity Resistance Resistivity SolidAngle SpecificVolume Speed
SurfaceDensity SurfaceTension Temperature Time Torque Voltage Volume VolumeFlowRate VolumeFraction
VolumetricFlux Wavenumber
""")

Vocabulary = tuple[frozenset[str], str]
VOCABULARIES: Mapping[str, Vocabulary] = {
    "bizStep": (BIZ_STEPS, CBV + "BizStep-"),
    "disposition": (DISPOSITIONS, CBV + "Disp-"),
    "transaction": (TRANSACTION_TYPES, CBV + "BTT-"),
    "party": (PARTY_TYPES, CBV + "SDT-"),
    "reason": (REASONS, CBV + "ER-"),
    "component": (COMPONENTS, CBV + "Comp-"),
    "alert": (ALERTS, VOC),
    "measurement": (MEASUREMENTS, VOC),
}
"""Closed vocabularies: their words, and what a word stands behind."""


def prefixes_of(context: Any, outer: Mapping[str, str] = STANDARD) -> Mapping[str, str]:
    """The prefixes in force within a `@context`; what it declares wins over what is around it.

    Every name is written out with its namespace: one that is too long, and more than there may be, do not count.
    """
    declared: dict[str, str] = {}
    for name, uri in declared_in(context):
        if len(uri) <= LONGEST_NAMESPACE and len(declared) < MOST_PREFIXES:
            declared[name] = uri
    return {**outer, **declared} if declared else outer


def declared_in(context: Any) -> Iterator[tuple[str, str]]:
    """Prefix and namespace, as a `@context` declares them."""
    for part in context if isinstance(context, list) else [context]:
        if isinstance(part, Mapping):
            yield from ((name, uri) for name, uri in part.items() if isinstance(uri, str) and not name.startswith("@"))


def expanded(name: str, prefixes: Mapping[str, str]) -> str:
    """A name with its prefix, if it has one that is declared, replaced by what it stands for."""
    prefix, colon, local = name.partition(":")
    base = prefixes.get(prefix) if colon and not local.startswith("//") else None
    return name if base is None else base + local


def word_uri(vocabulary: str, word: str, prefixes: Mapping[str, str]) -> str:
    """A word of the vocabulary, bare or with a prefix, as its URI; a URI of its own stays."""
    words, base = VOCABULARIES[vocabulary]
    return base + word if word in words else expanded(word, prefixes)


def word_of(vocabulary: str, uri: str) -> str:
    """The bare word that the URI stands for, else the URI; older URNs (`urn:epcglobal:cbv:bizstep:…`) too."""
    words, base = VOCABULARIES[vocabulary]
    for known in _bases(vocabulary, base):
        if uri.startswith(known) and uri[len(known) :] in words:
            return uri[len(known) :]
    return uri


def _bases(vocabulary: str, base: str) -> Iterable[str]:
    old = {"bizStep": "bizstep", "disposition": "disp", "transaction": "btt", "party": "sdt", "reason": "er"}
    yield base
    if vocabulary in old:
        yield f"urn:epcglobal:cbv:{old[vocabulary]}:"
