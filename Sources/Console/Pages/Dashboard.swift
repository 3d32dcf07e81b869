import Digest
import HTTPServer
import Ledger
import Schema

/// The dashboard: who is signed in, which page it is, and what every answer must carry.
struct Dashboard: Sendable {
    static let routes: [PageRoute] =
        OverviewPages.routes + AccountPages.routes + TopUpPages.routes + UsagePages.routes
        + InvoicePages.routes + ExportPages.routes + CallPages.routes
        + WebhookPages.routes + WebhookMessagePages.routes + AlertPages.routes
        + PricePages.routes + PriceImportPages.routes + PlanPages.routes
        + AccountSettingPages.routes
        + OperationsPages.routes + RunningCallPages.routes

    let services: ConsoleServices
    let credentials: Credentials
    /// Chart.js; nil when it is not installed.
    let chartLibrary: String?
    /// Is told what went wrong inside of a request.
    let report: @Sendable (String) -> Void

    /// Whoever uses a browser, and the cookie by which it is known.
    private struct Visitor {
        let caller: Caller
        let cookie: SessionCookie
        /// Whether the browser has yet to be given the cookie.
        var isNew = false
    }

    func respond(to request: ConsoleRequest) async -> ConsoleResponse {
        if let asset = asset(request) { return asset }
        if let page = TopUpPages.returned(request) { return page }
        do {
            let isSecure = request.fields["x-forwarded-proto"] == "https"
            if request.path == ["sign-in"] { return try await signIn(request, isSecure) }
            guard let visitor = try await visitor(request.fields) else {
                return redirect(to: "/sign-in")
            }
            do {
                var response = try await page(request, visitor, isSecure)
                if visitor.isNew {
                    let cookie = visitor.cookie
                    response.fields.append(
                        "set-cookie",
                        cookie.setting(seconds: AdminSessions.seconds, isSecure: isSecure)
                    )
                }
                return response
            } catch {
                return refusal(error, visitor)
            }
        } catch {
            return refusal(error, nil)
        }
    }

    // MARK: Signing in and out

    /// Whether somebody who is signed in asks.
    func knows(_ fields: HTTPFields) async -> Bool { (try? await visitor(fields)) != nil }

    private func visitor(_ fields: HTTPFields) async throws -> Visitor? {
        let cookie = SessionCookie(field: fields["cookie"])
        if let cookie,
            let token = try await services.sessions.token(of: cookie.hash, at: services.now()),
            let caller = try await credentials.caller(tokenHash: token)
        {
            return Visitor(caller: caller, cookie: cookie)
        }
        guard let caller = try await credentials.caller(fields) else { return nil }
        return Visitor(caller: caller, cookie: cookie ?? .make(), isNew: cookie == nil)
    }

    private func signIn(
        _ request: ConsoleRequest,
        _ isSecure: Bool
    ) async throws -> ConsoleResponse {
        guard request.method == ConsoleRequest.Method.post.rawValue else { return signInPage(nil) }
        let form = try Self.form(request)
        let token = SHA256.hash((form["token"] ?? "").utf8)
        guard try await credentials.caller(tokenHash: token) != nil else {
            return signInPage("That token is not known, or not good any more.")
        }
        // Always a fresh one: a cookie that somebody else planted gets nobody in.
        let cookie = SessionCookie.make()
        try await services.sessions.begin(cookie.hash, token: token, at: services.now())
        var response = redirect(to: "/")
        response.fields.append(
            "set-cookie",
            cookie.setting(seconds: AdminSessions.seconds, isSecure: isSecure)
        )
        return response
    }

    private func signInPage(_ refusal: String?) -> ConsoleResponse {
        let notice: HTML? = refusal.map { "<p class=\"notice bad\" role=\"alert\">\($0)</p>" }
        let content: HTML = """
            \(notice)<form method="post" action="/sign-in">
            \(HTMLForm.text("token", "Token", type: "password", isRequired: true))
            <button>Sign in</button></form>
            <p class="quiet">An operator makes tokens: <code>farebox token create</code>.</p>
            """
        let layout = Layout(caller: nil, csrf: "", place: "sign-in", hasCharts: false)
        return html(status: refusal == nil ? 200 : 401, layout.page("Sign in", content))
    }

    // MARK: Pages

    private func page(
        _ request: ConsoleRequest,
        _ visitor: Visitor,
        _ isSecure: Bool
    ) async throws -> ConsoleResponse {
        let isPost = request.method == ConsoleRequest.Method.post.rawValue
        let form = isPost ? try Self.form(request) : .none
        if isPost, !visitor.cookie.accepts(csrf: form["csrf"]) {
            throw Problem(403, "the form is not from here, or too old: load the page again")
        }
        if request.path == ["sign-out"], isPost {
            try await services.sessions.end(visitor.cookie.hash)
            var response = redirect(to: "/sign-in")
            response.fields.append("set-cookie", SessionCookie.clearing(isSecure: isSecure))
            return response
        }
        let path = request.path == [""] ? [] : request.path
        if path.isEmpty, visitor.caller.role == .account, let account = visitor.caller.account {
            return redirect(to: "/accounts/\(account)")
        }
        let (route, places) = try Self.resolve(request.method, path)
        switch route.access.verdict(for: visitor.caller, account: places["account"]) {
        case .allowed: break
        case .forbidden: throw Problem(403, "this is not for your role")
        case .unseen: throw Problem(404, "there is no such account")
        }
        let call = PageCall(
            caller: visitor.caller,
            services: services,
            places: places,
            query: request.query,
            form: form,
            csrf: visitor.cookie.csrf
        )
        let act = Act(actor: visitor.caller.actor, token: visitor.caller.token, name: route.name)
        let answer = try await Act.$current.withValue(act) { try await route.handle(call) }
        return response(answer, visitor, place: path.first ?? "")
    }

    static func resolve(
        _ method: String,
        _ path: [String]
    ) throws -> (PageRoute, places: [String: String]) {
        var isOther = false
        for route in routes {
            guard let places = route.pattern.match(path) else { continue }
            if route.method.rawValue == method { return (route, places) }
            isOther = true
        }
        throw isOther
            ? Problem(405, "there is no \(method) here") : Problem(404, "there is no such page")
    }

    private static func form(_ request: ConsoleRequest) throws -> FormFields {
        let multipart = MultipartForm(request.body, contentType: request.fields["content-type"])
        let form =
            multipart.map(\.fields)
            ?? FormFields(parsing: String(decoding: request.body, as: UTF8.self))
        guard let form else { throw Problem(400, "the form cannot be read") }
        return form
    }

    // MARK: Answers

    private func response(
        _ answer: PageAnswer,
        _ visitor: Visitor,
        place: String
    ) -> ConsoleResponse {
        switch answer {
        case .page(let title, let content, let refreshSeconds):
            var response = html(status: 200, frame(visitor, place).page(title, content))
            if let refreshSeconds { response.fields.append("refresh", "\(refreshSeconds)") }
            return response
        case .leading(let title, let origin, let content):
            return html(
                status: 200,
                frame(visitor, place).page(title, content),
                fields: SafeFields.leading(to: origin)
            )
        case .redirect(let path): return redirect(to: path)
        case .stream(let file): return file.response
        case .file(let name, let type, let bytes):
            return ConsoleResponse(
                status: 200,
                type: type,
                bytes,
                fields: SafeFields.all + [
                    (name: "content-disposition", value: "attachment; filename=\"\(name)\"")
                ]
            )
        }
    }

    private func refusal(_ error: any Error, _ visitor: Visitor?) -> ConsoleResponse {
        let problem = Problem(any: error)
        if problem.status == 500 || problem.status == 502 { report("\(error)") }
        let content: HTML = """
            <p class="notice bad" role="alert">\(problem.detail)</p><p><a href="/">Overview</a></p>
            """
        let layout =
            visitor.map { frame($0, "") }
            ?? Layout(caller: nil, csrf: "", place: "", hasCharts: false)
        return html(status: problem.status, layout.page(problem.title, content))
    }

    private func frame(_ visitor: Visitor, _ place: String) -> Layout {
        Layout(
            caller: visitor.caller,
            csrf: visitor.cookie.csrf,
            place: place,
            hasCharts: chartLibrary != nil
        )
    }

    private func html(
        status: Int,
        _ text: String,
        fields: [(name: String, value: String)] = SafeFields.all
    ) -> ConsoleResponse {
        ConsoleResponse(status: status, type: "text/html; charset=utf-8", text, fields: fields)
    }

    private func redirect(to path: String) -> ConsoleResponse {
        ConsoleResponse(
            status: 303,
            type: "text/plain",
            "",
            fields: SafeFields.all + [(name: "location", value: path)]
        )
    }

    private func asset(_ request: ConsoleRequest) -> ConsoleResponse? {
        guard request.method == "GET", request.path.first == "assets" else { return nil }
        let found: (type: String, text: String)? =
            switch request.path.dropFirst() {
            case ["console.css"]: ("text/css; charset=utf-8", StyleSheet.text)
            case ["icon.svg"]: ("image/svg+xml", StyleSheet.icon)
            case ["charts.js"]: ("text/javascript; charset=utf-8", ChartScript.text)
            case ["chart.js"]: chartLibrary.map { ("text/javascript; charset=utf-8", $0) }
            default: nil
            }
        return found.map { found in
            ConsoleResponse(
                status: 200,
                type: found.type,
                found.text,
                fields: [
                    (name: "cache-control", value: "public, max-age=3600"),
                    (name: "x-content-type-options", value: "nosniff"),
                ]
            )
        }
    }
}

/// What every page says to the browser.
enum SafeFields {
    /// Only what this server sends is run, shown or sent to, and nothing of it inline.
    static let policy = policyText(forms: "'self'")

    private static func policyText(forms targets: String) -> String {
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
            + "form-action \(targets); base-uri 'none'; frame-ancestors 'none'"
    }

    static let all = fields(forms: "'self'")

    /// Those of a page whose form is answered by the way to another origin, which browsers hold to
    /// the policy as well.
    static func leading(to origin: String) -> [(name: String, value: String)] {
        fields(forms: "'self' \(origin)")
    }

    /// Without a referrer at all, browsers would say of our own forms that they come from nowhere.
    private static func fields(forms targets: String) -> [(name: String, value: String)] {
        [
            ("content-security-policy", policyText(forms: targets)),
            ("x-content-type-options", "nosniff"), ("x-frame-options", "DENY"),
            ("referrer-policy", "same-origin"), ("cache-control", "no-store"),
        ]
    }
}
