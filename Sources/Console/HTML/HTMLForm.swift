/// A form that carries the token without which nothing that changes anything is accepted.
struct HTMLForm {
    let action: String
    let csrf: String
    let button: String
    var fields: [HTML] = []
    /// Whether it takes something away.
    var isDanger = false
    /// Whether it is a button among text.
    var isInline = false

    var html: HTML {
        """
        <form method="post" action="\(action)"\(isDanger || isInline ? " class=\"inline\"" as HTML : .empty)>
        <input type="hidden" name="csrf" value="\(csrf)">\(fields)
        <button\(isDanger ? " class=\"danger\"" as HTML : .empty)>\(button)</button></form>
        """
    }

    /// A field with its label.
    static func text(
        _ name: String,
        _ label: String,
        type: String = "text",
        value: String = "",
        hint: String = "",
        isRequired: Bool = false
    ) -> HTML {
        """
        <label>\(label)<input type="\(type)" name="\(name)" value="\(value)" placeholder="\(hint)"\
        \(isRequired ? " required" as HTML : .empty) autocomplete="off"></label>
        """
    }

    /// One of a few words.
    static func choice(
        _ name: String,
        _ label: String,
        _ choices: [(value: String, text: String)],
        selected: String = ""
    ) -> HTML {
        let options = choices.map { choice -> HTML in
            let mark: HTML = choice.value == selected ? " selected" : .empty
            return "<option value=\"\(choice.value)\"\(mark)>\(choice.text)</option>"
        }
        return "<label>\(label)<select name=\"\(name)\">\(options)</select></label>"
    }
}
