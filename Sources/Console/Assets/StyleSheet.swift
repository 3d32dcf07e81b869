/// How pages look: compiled in, so that the binary is all there is to install.
enum StyleSheet {
    /// A coin going into a box, in the browser's tab.
    static let icon = """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><g fill="#0b57a4">
        <circle cx="8" cy="4" r="3"/><path d="M1 9h4v1h6V9h4v6H1z"/></g></svg>
        """

    static let text = """
        :root { color-scheme: light dark; --ground: #fbfbfa; --paper: #ffffff; --ink: #1b1d1f;
          --quiet: #5a6068; --line: #dcdfe3; --accent: #0b57a4; --danger: #a3221b; --good: #1c6b3a }
        @media (prefers-color-scheme: dark) { :root { --ground: #131518; --paper: #1b1e22;
          --ink: #e8eaed; --quiet: #a3abb5; --line: #343a42; --accent: #8ab8f0;
          --danger: #f29a93; --good: #86d3a3 } }
        * { box-sizing: border-box }
        body { margin: 0; background: var(--ground); color: var(--ink);
          font: 16px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif }
        .skip { position: absolute; left: -100vw }
        .skip:focus { left: 1rem; top: 1rem; background: var(--paper); padding: .5rem 1rem }
        header { border-bottom: 1px solid var(--line); background: var(--paper) }
        header > div, main { max-width: 72rem; margin: 0 auto; padding: 0 1.25rem }
        header > div { display: flex; flex-wrap: wrap; align-items: baseline; gap: .25rem 1.5rem;
          padding-top: .75rem; padding-bottom: .75rem }
        header strong { font-size: 1.05rem; letter-spacing: .01em }
        nav { display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; flex: 1 }
        a { color: var(--accent); text-underline-offset: .15em }
        nav a { color: var(--quiet); text-decoration: none; padding: .2rem 0 }
        nav a:hover, nav a[aria-current] { color: var(--ink); box-shadow: 0 2px 0 var(--accent) }
        :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 2px }
        main { padding-top: 1.5rem; padding-bottom: 4rem }
        h1 { font-size: 1.5rem; font-weight: 600; margin: .25rem 0 1rem; line-height: 1.25 }
        h2 { font-size: 1.05rem; font-weight: 600; margin: 2.25rem 0 .5rem }
        .quiet, caption { color: var(--quiet) }
        .figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr));
          gap: 1px; background: var(--line); border: 1px solid var(--line); margin: 0 0 1rem }
        .figures div { background: var(--paper); padding: .8rem 1rem }
        .figures dt { color: var(--quiet); font-size: .85rem }
        .figures dd { margin: 0; font-size: 1.25rem; font-variant-numeric: tabular-nums;
          overflow-wrap: anywhere }
        .wide { overflow-x: auto; border: 1px solid var(--line); background: var(--paper) }
        table { border-collapse: collapse; width: 100%; font-size: .92rem }
        caption { text-align: left; padding: .5rem .8rem; font-size: .85rem }
        th, td { text-align: left; padding: .45rem .8rem; border-top: 1px solid var(--line);
          vertical-align: top; white-space: nowrap }
        th { font-weight: 600; color: var(--quiet); font-size: .82rem }
        .number { text-align: right; font-variant-numeric: tabular-nums }
        code { font: .88em ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere }
        form { display: flex; flex-wrap: wrap; gap: .75rem; align-items: end; margin: .75rem 0 }
        form.inline { margin: 0 }
        label { display: flex; flex-direction: column; gap: .2rem; font-size: .85rem;
          color: var(--quiet) }
        input, select, button { font: inherit; color: var(--ink); background: var(--paper);
          border: 1px solid var(--quiet); border-radius: 4px; padding: .4rem .6rem; min-height: 2.4rem;
          max-width: 100% }
        button { background: var(--accent); border-color: var(--accent); color: var(--paper);
          cursor: pointer; font-weight: 600 }
        header button { background: transparent; border-color: var(--line); color: var(--quiet) }
        button.danger { background: transparent; border-color: var(--danger); color: var(--danger) }
        label.flag { flex-direction: row; align-items: center; gap: .5rem }
        label.flag input { min-height: 0; width: 1.1rem; height: 1.1rem }
        fieldset { display: flex; flex-wrap: wrap; gap: .4rem 1.2rem; margin: 0; padding: .5rem .8rem;
          border: 1px solid var(--line); border-radius: 4px; flex-basis: 100% }
        legend { font-size: .85rem; color: var(--quiet) }
        .acts { display: flex; flex-wrap: wrap; gap: .6rem; margin: .75rem 0 }
        details { margin: .6rem 0 }
        summary { cursor: pointer }
        ul { padding-left: 1.25rem }
        pre { margin: 0; padding: .8rem; font: .85rem/1.5 ui-monospace, "DejaVu Sans Mono", monospace }
        .notice { border-left: 4px solid var(--accent); background: var(--paper);
          padding: .75rem 1rem; margin: 0 0 1rem }
        .notice.bad { border-color: var(--danger) }
        .secret { display: block; padding: .75rem 0; font-size: 1.05rem; user-select: all }
        .chart { position: relative; height: 16rem; margin: 0 0 1rem }
        @media (max-width: 40rem) { header > div, main { padding-left: .9rem; padding-right: .9rem }
          form label, form button { width: 100% } label.flag { width: auto } form.inline button { width: auto } }
        @media (prefers-reduced-motion: no-preference) { a, button { transition: box-shadow .1s } }
        """
}
