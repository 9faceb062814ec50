"""Pictures that a page makes by itself, and what is measured on them."""

from streamlit.testing.v1 import AppTest


def page() -> None:
    """Draw a picture with a measure, and note the order."""
    import streamlit as st

    from explorer.ui import incremental

    done = st.session_state.setdefault("done", [])
    incremental.draw_then_measure(
        "it",
        lambda measured: (done.append(measured), st.write(f"picture, {measured}")),
        lambda: (done.append("measuring"), 4)[1],
    )


def test_a_picture_is_drawn_before_it_is_measured() -> None:
    app = AppTest.from_function(page).run()
    assert app.session_state["done"] == [None, "measuring", 4]
    assert [it.value for it in app.markdown] == ["picture, 4"]


def test_measures_that_were_seen_do_not_go_away_meanwhile() -> None:
    app = AppTest.from_function(page).run().run()
    assert app.session_state["done"] == [None, "measuring", 4, "measuring", 4]
