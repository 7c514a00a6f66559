//! From coded pixels to what a viewer sees: rotation and square pixels.

/// Width and height in pixels.
pub(super) type Size = (u32, u32);

/// Clockwise quarter turns in degrees (0, 90, 180, 270) from ffprobe's counter-clockwise angle.
pub(super) fn clockwise(angle: Option<f64>) -> u16 {
    let turns = (-angle.unwrap_or(0.0) / 90.0).round().rem_euclid(4.0);
    // NaN, too, ends as no turn.
    match turns as i32 {
        1 => 90,
        2 => 180,
        3 => 270,
        _ => 0,
    }
}

/// The size in square pixels after rotation; both sides even, at least 2.
///
/// As ffmpeg's `scale=iw*sar:ih` the width is stretched, the height stays. A pixel shape beyond 1:8 is taken for
/// a mistake of the tool that wrote the file.
pub(super) fn display((width, height): Size, aspect: Option<(u32, u32)>, rotation: u16) -> Size {
    let (num, den) = aspect
        .filter(|(num, den)| *num > 0 && *den > 0)
        .filter(|(num, den)| u64::from(*num) <= 8 * u64::from(*den) && u64::from(*den) <= 8 * u64::from(*num))
        .unwrap_or((1, 1));
    let even = |num: u64, den: u64| {
        let half = (num + den) / (2 * den);
        u32::try_from((half * 2).max(2)).unwrap_or(u32::MAX - 1)
    };
    let width = even(u64::from(width) * u64::from(num), u64::from(den));
    let height = even(u64::from(height), 1);
    if rotation % 180 == 90 { (height, width) } else { (width, height) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn angles_become_quarter_turns() {
        let check = |angle, expected| assert_eq!(clockwise(angle), expected, "{angle:?}");
        check(None, 0);
        check(Some(-90.0), 90);
        check(Some(90.0), 270);
        check(Some(180.0), 180);
        check(Some(-180.0), 180);
        check(Some(-91.2), 90);
        check(Some(f64::NAN), 0);
    }

    #[test]
    fn viewers_see_square_pixels() {
        let check = |size, aspect, rotation, expected| assert_eq!(display(size, aspect, rotation), expected);
        check((1280, 720), None, 0, (1280, 720));
        check((1280, 720), Some((1, 1)), 90, (720, 1280));
        check((640, 360), Some((2, 3)), 0, (426, 360));
        check((720, 576), Some((64, 45)), 0, (1024, 576));
        check((720, 480), Some((11, 12)), 0, (660, 480));
        check((800, 640), Some((1137, 800)), 0, (1138, 640));
        check((641, 361), Some((0, 1)), 0, (642, 362));
        check((1, 1), Some((1, 1000)), 0, (2, 2));
    }
}
