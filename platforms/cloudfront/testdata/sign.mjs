// Signs what it is asked for with AWS's own signer: a list of cases comes in, and goes
// out with the URL and the cookies of each.
import { getSignedCookies, getSignedUrl } from "@aws-sdk/cloudfront-signer";
import { text } from "node:stream/consumers";

const cases = JSON.parse(await text(process.stdin));
const made = cases.map(({ url, resource, custom, ...rest }) => {
  const signed = { ...rest, dateGreaterThan: rest.dateGreaterThan || undefined, ipAddress: rest.ipAddress || undefined };
  const policy = custom || undefined;
  const cookies = getSignedCookies(policy ? { ...signed, policy } : { ...signed, url: resource });
  return {
    url: getSignedUrl(policy ? { ...signed, url, policy } : { ...signed, url }),
    cookies: Object.fromEntries(Object.entries(cookies).map(([name, value]) => [name, String(value)])),
    wire: new URL(url).href,
  };
});
console.log(JSON.stringify(made));
