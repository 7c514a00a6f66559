// Signs an address with the AWS SDK for JavaScript: arguments as JSON on standard input, URL and cookies as JSON out.
import { getSignedCookies, getSignedUrl } from "@aws-sdk/cloudfront-signer";
import { text } from "node:stream/consumers";

const given = JSON.parse(await text(process.stdin));
console.log(JSON.stringify({ url: getSignedUrl(given), cookies: getSignedCookies(given) }));
