// Signs with the JavaScript signers; called by make.py. Prints a list of cases as JSON.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [directory] = process.argv.slice(2);
const require = createRequire(`${process.cwd()}/`);
const { getSignedUrl, getSignedCookies } = require("@aws-sdk/cloudfront-signer");
const other = require("aws-cloudfront-sign");

const host = "https://films.example";
const until = 1800000000;
const cases = [];
const add = (name, url, cookies = []) => cases.push({ name, url, cookies });
const asCookies = (values) => [Object.entries(values).map(([name, value]) => `${name}=${value}`).join("; ")];

for (const keyPairId of ["RSA", "EC"]) {
  const privateKey = readFileSync(`${directory}/${keyPairId}.pem`, "utf8");
  for (const algorithm of ["SHA1", "SHA256"]) {
    const base = { keyPairId, privateKey, algorithm };
    const name = (what) => `@aws-sdk/cloudfront-signer ${what} ${keyPairId} ${algorithm}`;
    const dateLessThan = new Date(until * 1000).toISOString();
    const dateGreaterThan = new Date((until - 1000) * 1000).toISOString();
    const policy = JSON.stringify({
      Statement: [{ Resource: `${host}/out/v1/a/*`, Condition: { DateLessThan: { "AWS:EpochTime": until } } }],
    });
    const url = `${host}/out/v1/a/v0/0.m4s`;
    add(name("url canned"), getSignedUrl({ ...base, url: `${url}?b=2&a=1`, dateLessThan }));
    add(name("url with dates and address"), getSignedUrl({ ...base, url, dateLessThan, dateGreaterThan, ipAddress: "192.0.2.0/24" }));
    add(name("url with policy"), getSignedUrl({ ...base, url, policy }));
    add(name("cookies canned"), url, asCookies(getSignedCookies({ ...base, url, dateLessThan })));
    add(name("cookies with policy"), url, asCookies(getSignedCookies({ ...base, policy })));
  }
}
const spaced = `${host}/out/v1/a/b c é.m4s`;
add(
  "@aws-sdk/cloudfront-signer encodes the path",
  getSignedUrl({ keyPairId: "RSA", privateKey: readFileSync(`${directory}/RSA.pem`, "utf8"), url: spaced, dateLessThan: new Date(until * 1000).toISOString() }),
);

const rsa = { keypairId: "RSA", privateKeyString: readFileSync(`${directory}/RSA.pem`, "utf8"), expireTime: until * 1000 };
for (let n = 0; n < 3; n++) {
  add(`aws-cloudfront-sign url canned ${n}`, other.getSignedUrl(`${host}/out/v1/a/${n}.m4s?x=y`, rsa));
}
add("aws-cloudfront-sign url with address", other.getSignedUrl(`${host}/out/v1/a/0.m4s`, { ...rsa, ipRange: "192.0.2.0/24" }));
add("aws-cloudfront-sign cookies", `${host}/out/v1/a/0.m4s`, asCookies(other.getSignedCookies(`${host}/out/v1/a/*`, rsa)));
process.stdout.write(JSON.stringify(cases));
