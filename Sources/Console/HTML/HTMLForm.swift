/// A form that carries the token without which nothing that changes anything is accepted.
struct HTMLForm {
    let action: String
    let csrf: String
    let button: String
    var fields: [HTML] = []
    /// Whether it takes something away.
    var isDanger = false
    /// Whether a file may be sent with it.
    var hasFile = false
    /// Whether it is a button among text.
    var isInline = false

    var html: HTML {
        """
        <form method="post" action="\(action)"\(isDanger || isInline ? " class=\"inline\"" as HTML : .empty)\
        \(hasFile ? " enctype=\"multipart/form-data\"" as HTML : .empty)>
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

    /// A file of the reader's machine.
    static func file(_ name: String, _ label: String) -> HTML {
        "<label>\(label)<input type=\"file\" name=\"\(name)\" required></label>"
    }

    /// Yes or no; the field is there when it is yes.
    static func flag(_ name: String, _ label: String) -> HTML {
        """
        <label class="flag"><input type="checkbox" name="\(name)" value="yes">\(label)</label>
        """
    }

    /// Fields that belong together.
    static func group(_ legend: String, _ fields: [HTML]) -> HTML {
        "<fieldset><legend>\(legend)</legend>\(fields)</fieldset>"
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
