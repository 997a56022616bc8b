"""The sentences that organisms are grown on: a thing described, and an emoji named.

``{x}`` is the thing behind its article, ``{n}`` the thing bare; ``{h}``, ``{h2}``, ``{h3}`` what it is a kind of,
nearer first, and ``{ah}`` the first of them behind its article. In the lines of an emoji the thing is written as
its name, as the emoji in place of its name, or as both.
"""

KIND = (
    "{x} is {ah}.",
    "{x} is {ah}.",
    "{x} is a kind of {h}.",
    "{x} is a kind of {h}.",
    "{x} is a type of {h}.",
    "one kind of {h} is {x}.",
    "{x} is a kind of {h}, which is a kind of {h2}.",
    "{n}, {h}, {h2}, {h3}.",
    "{h3}, {h2}, {h}, {n}.",
    "{ah} such as {x}.",
    "the {n} is {ah}.",
    "like every {h}, {x} is a kind of {h2}.",
    "if it is {x}, it is {ah}.",
    "what is {x}? {ah}.",
    "is {x} {ah}? yes, it is.",
    "{ah}: {n}.",
)

MEANING = (
    "{n}: {gloss}.",
    "{x} is {gloss}.",
    "{x} means {gloss}.",
    "{gloss}: {n}.",
    "{gloss} is called {x}.",
    "what is {x}? {gloss}.",
    "the word for {gloss} is {n}.",
    "{x}, {h}, {gloss}.",
)

PART = ("{x} has {part}.", "{part} is a part of {x}.")

SYNONYM = ("{x} is also called {synonym}.", "{synonym} is {x}.")

EVERYDAY = (
    "i saw {x}.",
    "look at the {n}.",
    "we talked about {x}.",
    "this is {x}.",
    "there is {x} over there.",
    "she drew {x}.",
    "do you like the {n}?",
    "people use the word {n}.",
    "yes, that one is {x}.",
)

NAMED = (
    "the {name} emoji is {e}",
    "the {name} emoji is {e}",
    "{name} emoji: {e}",
    "{name} emoji: {e}",
    "an emoji for {name}: {e}",
    "an emoji for {name}: {e}",
    "the emoji of {a_name} is {e}",
    "the emoji of {a_name} is {e}",
    "{name} {e}",
    "{e} {name}",
    "{a_name} {e}",
    "{e} is the {name} emoji.",
    "{e} means {name}.",
    "{e} is an emoji of {a_name}.",
    "write {e} for {name}.",
    "the sign for {name} is {e}",
    "{name} is written {e}",
    "here is {a_name}: {e}",
    "i sent {a_name} emoji {e}",
    "what does {e} show? {a_name}.",
)

KEYWORD = (
    "{e} stands for {keyword}.",
    "{keyword} {e}",
    "{e} {keyword}",
    "an emoji about {keyword}: {e}",
    "{e} has to do with {keyword}.",
    "{e}: {keywords}.",
    "{keywords}: {e}",
)

SHOWN = ("{e} shows {ah}.", "an emoji that shows {ah}: {e}", "{ah} {e}")

ORDINARY = (
    "{n}: {gloss}.",
    "{x} is {gloss}.",
    "{x} is a kind of {h}.",
    "{x} is {ah}.",
    "{gloss}: {n}.",
)

OPENERS = (*[""] * 8, "well, ", "i think ", "they say ", "in short, ", "you know, ")
"""What may stand before a sentence, so that a word is not always met at the same place."""
