import Ledger

/// What all pages share: the head, the way to the other pages, and who is signed in.
struct Layout {
    let caller: Caller?
    let csrf: String
    /// Where the reader is: the first part of the path.
    let place: String
    let hasCharts: Bool

    func page(_ title: String, _ content: HTML) -> String {
        let html: HTML = """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(title) · Farebox</title>
            <link rel="icon" href="/assets/icon.svg">
            <link rel="stylesheet" href="/assets/console.css">\(scripts)</head>
            <body><a class="skip" href="#content">To the content</a>
            <header><div><strong>Farebox</strong>\(navigation)</div></header>
            <main id="content"><h1>\(title)</h1>\(content)</main></body></html>
            """
        return html.text
    }

    private var scripts: HTML {
        guard hasCharts else { return .empty }
        return """
            <script src="/assets/chart.js" defer></script>
            <script src="/assets/charts.js" defer></script>
            """
    }

    private var navigation: HTML {
        guard let caller else { return .empty }
        let places: [(String, String)] =
            caller.role == .account
            ? [("accounts/\(caller.account ?? "")", "Account")]
            : [
                ("", "Overview"), ("calls", "Live calls"), ("accounts", "Accounts"),
                ("invoices", "Invoices"),
                ("prices", "Prices"), ("webhooks", "Webhooks"), ("operations", "Operations"),
                ("audit", "Audit trail"),
            ]
        let links = places.map { path, text -> HTML in
            let mark: HTML = path == place ? " aria-current=\"page\"" : .empty
            return "<a href=\"/\(path)\"\(mark)>\(text)</a>"
        }
        return """
            <nav aria-label="Pages">\(links)</nav><span class="quiet">\(caller.role.rawValue)</span>\
            \(signOut)
            """
    }

    private var signOut: HTML {
        guard caller != .loopback else { return .empty }
        return """
            <form method="post" action="/sign-out" class="inline">
            <input type="hidden" name="csrf" value="\(csrf)"><button>Sign out</button></form>
            """
    }
}
