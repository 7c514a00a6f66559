// What every page loads: small helpers that make server-rendered pages pleasanter. Nothing depends on them.

import { oneTimeCode, resend } from './islands/sign-in';
import { live } from './islands/live';
import { copyButtons } from './islands/copy';

oneTimeCode();
resend();
copyButtons();
live();
