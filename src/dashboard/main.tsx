import { render } from 'preact';
import { App } from './app.tsx';
import { connect } from './live.ts';

const page = document.getElementById('page');
if (page === null) throw new Error('index.html has an element #page');
render(<App />, page);
connect();
