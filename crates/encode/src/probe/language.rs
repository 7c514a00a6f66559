//! Language tags: ISO 639-2 as containers write it, BCP 47 as players want it.

/// ISO 639-2 codes (terminological, then bibliographic where that differs) of languages with a two-letter code.
const CODES: &str = "aar:aa abk:ab afr:af aka:ak amh:am ara:ar arg:an asm:as ava:av ave:ae aym:ay aze:az bak:ba \
    bam:bm bel:be ben:bn bih:bh bis:bi bod:bo tib:bo bos:bs bre:br bul:bg cat:ca ces:cs cze:cs cha:ch che:ce chu:cu \
    chv:cv cor:kw cos:co cre:cr cym:cy wel:cy dan:da deu:de ger:de div:dv dzo:dz ell:el gre:el eng:en epo:eo est:et \
    eus:eu baq:eu ewe:ee fao:fo fas:fa per:fa fij:fj fin:fi fra:fr fre:fr fry:fy ful:ff gla:gd gle:ga glg:gl glv:gv \
    grn:gn guj:gu hat:ht hau:ha hbs:sh heb:he her:hz hin:hi hmo:ho hrv:hr hun:hu hye:hy arm:hy ibo:ig ido:io iii:ii \
    iku:iu ile:ie ina:ia ind:id ipk:ik isl:is ice:is ita:it jav:jv jpn:ja kal:kl kan:kn kas:ks kat:ka geo:ka kau:kr \
    kaz:kk khm:km kik:ki kin:rw kir:ky kom:kv kon:kg kor:ko kua:kj kur:ku lao:lo lat:la lav:lv lim:li lin:ln lit:lt \
    ltz:lb lub:lu lug:lg mah:mh mal:ml mar:mr mkd:mk mac:mk mlg:mg mlt:mt mon:mn mri:mi mao:mi msa:ms may:ms mya:my \
    bur:my nau:na nav:nv nbl:nr nde:nd ndo:ng nep:ne nld:nl dut:nl nno:nn nob:nb nor:no nya:ny oci:oc oji:oj ori:or \
    orm:om oss:os pan:pa pli:pi pol:pl por:pt pus:ps que:qu roh:rm ron:ro rum:ro run:rn rus:ru sag:sg san:sa sin:si \
    slk:sk slo:sk slv:sl sme:se smo:sm sna:sn snd:sd som:so sot:st spa:es sqi:sq alb:sq srd:sc srp:sr ssw:ss sun:su \
    swa:sw swe:sv tah:ty tam:ta tat:tt tel:te tgk:tg tgl:tl tha:th tir:ti ton:to tsn:tn tso:ts tuk:tk tur:tr twi:tw \
    uig:ug ukr:uk urd:ur uzb:uz ven:ve vie:vi vol:vo wln:wa wol:wo xho:xh yid:yi yor:yo zha:za zho:zh chi:zh zul:zu";

/// The BCP 47 tag of what a container says; `und` for nothing and nonsense.
pub(super) fn tag(said: Option<&str>) -> String {
    const UNKNOWN: &str = "und";
    let said = said.unwrap_or(UNKNOWN).trim();
    let mut parts = said.split(['-', '_']);
    let primary = parts.next().unwrap_or_default().to_ascii_lowercase();
    let letters = |part: &str| part.bytes().all(|c| c.is_ascii_lowercase());
    if !(2..=3).contains(&primary.len()) || !letters(&primary) {
        return UNKNOWN.to_owned();
    }
    let short =
        CODES.split_ascii_whitespace().find_map(|pair| pair.strip_prefix(&primary)?.strip_prefix(':'));
    let mut tag = short.unwrap_or(&primary).to_owned();
    for part in parts.take(3) {
        if !(2..=8).contains(&part.len()) || !part.bytes().all(|c| c.is_ascii_alphanumeric()) {
            break;
        }
        tag.push('-');
        tag.push_str(part);
    }
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_the_shortest_of_bcp_47() {
        let check = |said, expected| assert_eq!(tag(said), expected, "{said:?}");
        check(Some("eng"), "en");
        check(Some("ger"), "de");
        check(Some("deu"), "de");
        check(Some("en-US"), "en-US");
        check(Some("zho-Hant"), "zh-Hant");
        check(Some("gsw"), "gsw");
        check(Some("und"), "und");
        check(Some("\"; DROP"), "und");
        check(Some("en-\""), "en");
        check(Some(""), "und");
        check(None, "und");
    }
}
