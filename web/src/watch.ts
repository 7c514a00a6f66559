// The watch page: everything of site.ts and the player.

import './site';
import { KinoraPlayer } from './player/element';

customElements.define('kinora-player', KinoraPlayer);
