"""From ideal signal to stored image: coil, k-space, noise, artefacts, 12-bit numbers.

A ``Scan`` holds what is drawn once per patient, a ``SliceScan`` what is drawn once per slice. The
image is complex up to the last step; then it becomes phase-sensitive or magnitude.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex64, Float32, UInt16

from myosweep.data.phantom.materials import Material, draw_signals

ZERO_GREY = 2048
"""Grey value of no signal in phase-sensitive images."""

MAX_GREY = 4095


@dataclass(frozen=True)
class Vendor:
    """What one maker's scanners have in common.

    Args:
        name: "A", "B" or "C".
        sites: hospitals that have such a scanner.
        field_t: field strength in tesla.
        agent: contrast agent used there.
        phase_sensitive_share: share of phase-sensitive images, 0.6 over the three vendors.
        spacing_mm: range of the reconstructed pixel's side.
        phase_spacing_mm: range of the acquired pixel along the phase direction.
        cnr: range of the blood-myocardium contrast over noise; values near the top are commonest.
        smoothing: 0 keeps k-space as it is, 1 lets its outer half fall to zero.
    """

    name: str
    sites: tuple[str, ...]
    field_t: float
    agent: str
    phase_sensitive_share: float
    spacing_mm: tuple[float, float]
    phase_spacing_mm: tuple[float, float]
    cnr: tuple[float, float]
    smoothing: float


VENDORS = (
    Vendor("A", ("S1", "S2"), 1.5, "gadobutrol", 0.9, (1.3, 1.45), (1.6, 2.0), (4.0, 6.0), 0.6),
    Vendor("B", ("S3", "S4"), 3.0, "Gd-DOTA", 0.6, (1.25, 1.35), (1.7, 2.2), (3.5, 6.0), 0.4),
    Vendor("C", ("S5", "S6"), 1.5, "Gd-DOTA", 0.3, (1.35, 1.5), (1.8, 2.4), (1.5, 6.0), 0.9),
)


@dataclass(frozen=True)
class Coil:
    """A receiving coil on the chest: gain 1 + strength * exp(-distance / reach), 1 at the heart."""

    y_mm: float
    x_mm: float
    strength: float
    reach_mm: float

    def gain(
        self, y_mm: Float32[np.ndarray, "y 1"], x_mm: Float32[np.ndarray, "1 x"]
    ) -> Float32[np.ndarray, "y x"]:
        """Gain at each point, positions from the image's centre."""
        distance = np.sqrt((y_mm - self.y_mm) ** 2 + (x_mm - self.x_mm) ** 2)
        at_heart = 1 + self.strength * np.exp(-np.hypot(self.y_mm, self.x_mm) / self.reach_mm)
        gain = 1 + self.strength * np.exp(distance / np.float32(-self.reach_mm))
        return (gain / np.float32(at_heart)).astype(np.float32)


@dataclass(frozen=True)
class Scan:
    """A patient's examination.

    Args:
        signals: signed magnetisation times density of each ``Material``.
        acquired_yx_mm: acquired pixel; the phase direction is the coarser one.
        noise: standard deviation of the noise in the real part.
        grey_per_signal: stored grey values per unit of signal.
        thickness_mm, slice_spacing_mm: slice, and distance between slice centres.
        texture: unevenness of the signal, as a share of it.
        motion_mm: spread of the heart's place during the readout.
        phase_yx: turn of the phase per mm, in rad, along y and x.
    """

    vendor: Vendor
    site: str
    is_phase_sensitive: bool
    signals: tuple[float, ...]
    spacing_mm: float
    acquired_yx_mm: tuple[float, float]
    noise: float
    grey_per_signal: float
    texture: float
    motion_mm: float
    thickness_mm: int
    phase_yx: tuple[float, float]
    coil: Coil


@dataclass(frozen=True)
class SliceScan:
    """What happened while one slice was taken.

    Args:
        shift_yx_mm: breath-hold position against the other slices.
        ghost: strength of the ghost along the phase direction, 0 for none.
        ghost_shift: its distance as a share of the field of view.
        bad_lines: share of k-space lines taken at the wrong moment of the heartbeat.
        noise_seed: seed of the slice's noise and texture.
    """

    shift_yx_mm: tuple[float, float]
    ghost: float
    ghost_shift: float
    bad_lines: float
    noise_seed: int


def draw_scan(rng: np.random.Generator) -> Scan:
    """Draw an examination: vendor, site, contrast agent, timing, sampling, noise."""
    vendor = VENDORS[rng.integers(len(VENDORS))]
    signals = draw_signals(rng, vendor.field_t, vendor.agent)
    contrast = max(signals[Material.BLOOD] - signals[Material.MYOCARDIUM], 0.03)
    readout_mm, phase_mm = rng.uniform(1.4, 1.6), rng.uniform(*vendor.phase_spacing_mm)
    is_shaded = rng.random() < 0.15
    return Scan(
        vendor=vendor,
        site=vendor.sites[rng.integers(len(vendor.sites))],
        is_phase_sensitive=bool(rng.random() < vendor.phase_sensitive_share),
        signals=signals,
        spacing_mm=rng.uniform(*vendor.spacing_mm),
        acquired_yx_mm=(phase_mm, readout_mm) if rng.random() < 0.5 else (readout_mm, phase_mm),
        noise=contrast / rng.triangular(vendor.cnr[0], vendor.cnr[1], vendor.cnr[1]),
        grey_per_signal=rng.uniform(450, 850) / signals[Material.FAT],
        texture=rng.uniform(0.06, 0.14),
        motion_mm=rng.uniform(0.4, 1.1),
        thickness_mm=int(rng.integers(6, 11)),
        phase_yx=(rng.normal(0, 0.01), rng.normal(0, 0.01)),
        coil=Coil(
            y_mm=rng.uniform(-100, -60),
            x_mm=rng.uniform(-100, -20),
            strength=rng.uniform(6, 10) if is_shaded else rng.uniform(1, 4),
            reach_mm=rng.uniform(30, 50),
        ),
    )


def draw_slice_scan(rng: np.random.Generator) -> SliceScan:
    """Draw one slice's mishaps; each happens in 15 % of the slices."""
    is_shifted, has_ghost, is_mistriggered = rng.random(3) < 0.15
    shift_yx_mm = (rng.uniform(-3, 3), rng.uniform(-3, 3)) if is_shifted else (0.0, 0.0)
    return SliceScan(
        shift_yx_mm=shift_yx_mm,
        ghost=rng.uniform(0.1, 0.3) if has_ghost else 0.0,
        ghost_shift=rng.uniform(0.15, 0.5),
        bad_lines=rng.uniform(0.08, 0.22) if is_mistriggered else 0.0,
        noise_seed=int(rng.integers(2**63)),
    )


def acquire(
    signal: Float32[np.ndarray, "fine fine"], scan: Scan, moment: SliceScan, pixels: int
) -> UInt16[np.ndarray, "y x"]:
    """Take an image of ``pixels`` x ``pixels`` of an ideal signal, both over the same field."""
    rng = np.random.default_rng(moment.noise_seed)
    points = len(signal) // pixels
    positions = (np.arange(pixels, dtype=np.float32) - (pixels - 1) / 2) * scan.spacing_mm
    y_mm, x_mm = positions[:, None], positions[None, :]
    texture = _smooth_noise(rng, pixels, grain_px=8) + _smooth_noise(rng, pixels, grain_px=3)
    weight = scan.coil.gain(y_mm, x_mm) * (1 + scan.texture * texture)
    phase = np.exp(1j * (scan.phase_yx[0] * y_mm + scan.phase_yx[1] * x_mm)).astype(np.complex64)
    seen = signal * _enlarge(weight * phase, points)
    kspace = sample(seen, scan, pixels)
    kspace = disturb(kspace, scan, moment, rng)
    sd = np.float32(scan.noise * pixels / np.sqrt(kspace.size))
    kspace += sd * rng.standard_normal((*kspace.shape, 2), np.float32).view(np.complex64)[..., 0]
    return to_grey(reconstruct(kspace, scan, pixels) / phase, scan)


def sample(
    seen: Complex64[np.ndarray, "fine fine"], scan: Scan, pixels: int
) -> Complex64[np.ndarray, "ky kx"]:
    """The acquired part of k-space, its centre in the middle, blurred by motion.

    The phase ramp moves the origin from the first fine point to the first pixel's centre.
    """
    fine = len(seen)
    points = fine // pixels
    counts = [min(round(pixels * scan.spacing_mm / mm), pixels) for mm in scan.acquired_yx_mm]
    rows, columns = (np.arange(count) - count // 2 for count in counts)
    kspace = np.fft.fft(np.fft.fft(seen, axis=1)[:, columns], axis=0)[rows]
    ramp = np.exp(1j * np.pi * (points - 1) / fine * (rows[:, None] + columns))
    blur_turns = (
        np.sqrt(rows[:, None] ** 2 + columns**2) * scan.motion_mm / scan.spacing_mm / pixels
    )
    blur = np.exp(-2 * (np.pi * blur_turns) ** 2)
    acquired: Complex64[np.ndarray, "ky kx"] = kspace * (ramp * blur * (pixels / fine**2))
    return acquired.astype(np.complex64)


def disturb(
    kspace: Complex64[np.ndarray, "ky kx"],
    scan: Scan,
    moment: SliceScan,
    rng: np.random.Generator,
) -> Complex64[np.ndarray, "ky kx"]:
    """Ghosts and mistriggering: lines across the phase direction get another weight and phase.

    Mistriggering spares the eleven lines in the middle: without them the image would be retaken.
    """
    phase_axis = int(scan.acquired_yx_mm[1] > scan.acquired_yx_mm[0])
    count = kspace.shape[phase_axis]
    lines = np.arange(count) - count // 2
    start = rng.uniform(0, 2 * np.pi)
    factor = 1 + moment.ghost * np.exp(1j * (2 * np.pi * moment.ghost_shift * lines + start))
    is_bad = np.repeat(rng.random(count // 6 + 1) < moment.bad_lines, 6)[:count]
    is_bad &= np.abs(lines) > 5
    shift_share = rng.uniform(0.01, 0.025)
    wrong = rng.uniform(0.6, 0.9) * np.exp(2j * np.pi * shift_share * lines)
    factor = np.where(is_bad, factor * wrong, factor).astype(np.complex64)
    disturbed: Complex64[np.ndarray, "ky kx"]
    disturbed = kspace * (factor[:, None] if phase_axis == 0 else factor[None, :])
    return disturbed


def reconstruct(
    kspace: Complex64[np.ndarray, "ky kx"], scan: Scan, pixels: int
) -> Complex64[np.ndarray, "y x"]:
    """Smooth as the vendor does, zero-fill and transform."""
    rows, columns = (np.arange(count) - count // 2 for count in kspace.shape)
    window = np.outer(*(_window(count, scan.vendor.smoothing) for count in kspace.shape))
    filled = np.zeros((pixels, pixels), np.complex64)
    filled[np.ix_(rows, columns)] = kspace * window.astype(np.float32)
    return np.fft.ifft2(filled) * np.float32(pixels)


def to_grey(image: Complex64[np.ndarray, "y x"], scan: Scan) -> UInt16[np.ndarray, "y x"]:
    """Signed real part around ``ZERO_GREY``, or magnitude; rounded, 0 to 4095."""
    if scan.is_phase_sensitive:
        grey = ZERO_GREY + scan.grey_per_signal * image.real
    else:
        grey = 2 * scan.grey_per_signal * np.abs(image)
    return np.clip(np.rint(grey), 0, MAX_GREY).astype(np.uint16)


def _window(count: int, smoothing: float) -> Float32[np.ndarray, "n"]:
    """1 in the inner half of k-space, falling to 1 - smoothing at its edge."""
    outward = np.abs(np.arange(count) - count // 2) / (count / 2)
    fall = np.clip(2 * outward - 1, 0, 1)
    return (1 - smoothing * (1 - np.cos(np.pi * fall)) / 2).astype(np.float32)


def _smooth_noise(
    rng: np.random.Generator, pixels: int, grain_px: int
) -> Float32[np.ndarray, "y x"]:
    """Noise with grains of ``grain_px`` pixels, interpolated linearly from a coarse grid."""
    coarse = pixels // grain_px + 2
    grid = rng.standard_normal((coarse, coarse), np.float32)
    position = np.linspace(0, coarse - 1, pixels)
    nearness = 1 - np.abs(np.arange(coarse)[:, None] - position)
    weights = np.clip(nearness, 0, 1).astype(np.float32)
    noise: Float32[np.ndarray, "y x"]
    noise = np.einsum("ay,ax->yx", weights, np.einsum("ab,bx->ax", grid, weights))
    return noise


def _enlarge(
    values: Complex64[np.ndarray, "y x"], points: int
) -> Complex64[np.ndarray, "fine_y fine_x"]:
    """Each value repeated ``points`` times each way."""
    return values.repeat(points, axis=0).repeat(points, axis=1)
