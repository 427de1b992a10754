import { render } from 'preact'
import { App } from './app.tsx'
import { startTheme } from './base/theme.ts'
import './style/base.css'
import './style/parts.css'
import './style/views.css'
import './style/timeline.css'

startTheme()
const root = document.getElementById('app')
if (root !== null) render(<App />, root)
