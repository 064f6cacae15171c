"""How a report looks: one column that fits a phone, in the colours of day and of night."""

STYLE = """
:root { --paper: #ffffff; --ink: #1b1f24; --faint: #57606a; --line: #d5dae0; --panel: #f5f7f9;
  --training: #1f5fa8; --validation: #b4541a; --share: 31 95 168; --good: #1a7f37; --bad: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14171a; --ink: #e6e8eb; --faint: #9aa4ae; --line: #343a41; --panel: #1d2126;
    --training: #6cb0f5; --validation: #f0a060; --share: 70 140 220; --good: #58c272; --bad: #ff8a80; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; line-height: 1.2; margin: .5rem 0; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; padding-bottom: .2rem; border-bottom: 1px solid var(--line); }
h1, h2, p, figcaption, dd, tbody th, summary { overflow-wrap: anywhere; }
p { margin: .5rem 0; } .faint, caption, dt { color: var(--faint); font-size: .85rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: .6rem; margin: 1rem 0; }
.tiles div { background: var(--panel); border-radius: .5rem; padding: .5rem .75rem; }
.tiles dt { margin: 0; } .tiles dd { margin: 0; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
.tiles dd small { display: block; font-size: .75rem; color: var(--faint); }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr)); gap: 1.2rem;
  align-items: start; } .grid .scroll { margin: 0; }
figure { margin: 0; min-width: 0; } figcaption { font-size: .9rem; margin-bottom: .25rem; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--faint); font-size: 11px; } svg .axis { stroke: var(--line); fill: none; }
svg .curve { fill: none; stroke-width: 2; stroke-linejoin: round; } svg .best { stroke: var(--faint); }
svg .best { stroke-dasharray: 2 3; } svg .validation { stroke-dasharray: 6 3; }
.training, .measured { stroke: var(--training); } .validation { stroke: var(--validation); }
.key { white-space: nowrap; margin-right: .8rem; } .key svg { display: inline-block; width: 1.6rem; height: .6rem; }
.scroll { overflow-x: auto; margin: .6rem 0; } .scroll:focus-visible { outline: 2px solid var(--training); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .85rem; }
caption { text-align: left; padding-bottom: .3rem; }
th, td { padding: .25rem .5rem; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child { text-align: left; font-weight: 500; } th { min-width: 2.6rem; } td { white-space: nowrap; }
tbody th, .pairs td:nth-child(2) { min-width: 6.4rem; } .digits tbody th, .digits td { min-width: 0; }
thead th { color: var(--faint); font-weight: 500; vertical-align: bottom; }
@media (max-width: 30rem) { th, td { padding-left: .3rem; padding-right: .3rem; } }
.matrix td { text-align: center; border: 1px solid var(--paper); } .matrix thead th { text-align: center; }
.sideways thead span { writing-mode: vertical-rl; transform: rotate(180deg); max-height: 9rem; overflow: hidden; }
.pairs td:nth-child(2), .pairs th:nth-child(2) { text-align: left; white-space: normal; overflow-wrap: anywhere; }
.text th { text-align: left; } .text td { text-align: left; white-space: normal; overflow-wrap: anywhere; }
.sound { background: var(--panel); border-radius: .5rem; padding: .75rem; }
.sound img { display: block; width: 100%; height: 7rem; border-radius: .25rem; }
.ticks { display: flex; justify-content: space-between; font-size: .75rem; color: var(--faint); }
audio { width: 100%; margin-top: .4rem; } .right { color: var(--good); } .wrong { color: var(--bad); }
.map { width: min(100%, 30rem); image-rendering: pixelated; aspect-ratio: 1; display: block; background: var(--panel); }
.players { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 14rem), 1fr)); gap: .8rem; }
section > .sound + .sound { margin-top: 1.2rem; }
.players h3 { font-size: .8rem; font-weight: 500; margin: .3rem 0 .15rem; } .wide { margin: 1rem 0; }
.lane { position: relative; height: 1.5rem; margin: .2rem 0; background: var(--panel); border-radius: .2rem; }
.lane span { position: absolute; top: 0; bottom: 0; min-width: 2px; border-radius: .15rem; }
.lanes { display: grid; grid-template-columns: auto 1fr; column-gap: .6rem; align-items: center; font-size: .8rem; }
.lanes .ticks { grid-column: 2; } .swatch { display: inline-block; width: .8rem; height: .8rem; border-radius: .15rem;
  vertical-align: -.05rem; } details { margin: .5rem 0; } summary { cursor: pointer; }
pre { background: var(--panel); border-radius: .5rem; padding: .6rem .75rem; font-size: .8rem; white-space: pre-wrap;
  overflow-wrap: anywhere; } ul { padding-left: 1.2rem; }
"""
