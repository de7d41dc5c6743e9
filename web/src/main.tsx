import { render } from 'preact';
import { App } from './app';
import { language, tagOf } from './lib/words';
import './css/colors.css';
import './css/states.css';
import './css/base.css';
import './css/shell.css';
import './css/controls.css';
import './css/dialogs.css';
import './css/tables.css';
import './css/dags.css';
import './css/run.css';
import './css/log.css';
import './css/grid.css';
import './css/home.css';

document.documentElement.lang = tagOf(language);
const root = document.getElementById('app');
if (root) render(<App />, root);
