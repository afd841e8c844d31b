"""Plain spoken sentences written for this project (no source text), for synthetic speech."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SENTENCES = """Good morning, it is lovely to see you all here today.
Let me show you how this works, one step at a time.
The weather has been surprisingly warm for this time of year.
I would like to tell you a short story about my first garden.
There are three things you should know before we begin.
Could you please open the window and let in some fresh air?
We walked along the river until the sun went down.
My grandmother used to bake bread every Sunday morning.
This is the best coffee I have had in a very long time.
You never know what you can do until you try.
The train leaves at half past seven from the north platform.
I really think we should talk about this a little more.
Thank you so much for coming all the way out here.
First we measure the wood, and then we cut it carefully.
Nobody told me that the shop was closed on Monday.
It was a small house with a bright red door.
Please remember to bring your books to the next lesson.
What a beautiful view from the top of the hill!
The children laughed and ran across the wet grass.
If you have any questions, just raise your hand.
I can hardly believe how quickly the year has passed.
He opened the letter slowly and read it twice.
Today I want to talk about how plants drink water.
The old clock in the hall has stopped again.
We need more time, more people and better tools.
She plays the piano far better than I ever did.
Take a deep breath and let your shoulders relax.
The answer is simpler than most people expect.
My brother lives by the sea and mends small boats.
Let us look at both sides of the question.
I bought apples, pears and a bag of brown sugar.
That is exactly what I was hoping you would say.
The library stays open until nine on Thursdays.
Five minutes of practice every day makes a big difference.
Have you ever seen so many stars in one night?
We could paint this wall yellow or maybe light blue.
The bridge was built more than a hundred years ago.
Try it again, but this time a little slower.
I always keep a spare key under the flower pot.
The map shows two roads, and we took the longer one.
Honestly, I did not expect to enjoy it this much.
You can hear the waves from the bedroom window.
A good teacher listens more than he speaks.
The meeting will start in about ten minutes.
Put the lid on the pot and wait until it boils.
They moved to a quiet village near the mountains.
Everything we need is already on the table.
I learned to swim in a cold little lake.
This machine is quiet, cheap and easy to repair.
The cat sleeps all day and wakes up for dinner.
Would you like some tea, or perhaps a glass of water?
We have come a long way since last summer.
The market is full of fresh fish and ripe tomatoes.
Let me think about it and give you an answer tomorrow.
Small changes can lead to very large results.
The doctor asked me to walk for an hour each day.
It is much easier when you do it together.
My favourite colour has always been dark green.
The road bends to the left just after the church.
You should see what they have done with the old station.
I am sorry, but I did not hear the last part.
The bees were busy in the flowers by the wall.
There is always one more thing to learn.
She wrote the whole book in a single winter.
Hold the brush like this and keep your wrist loose.
We sat around the fire and told each other stories.
The price went up, but the quality stayed the same.
Ask me anything you like, and I will do my best.
The boy counted the boats as they came into the harbour.
In my opinion the second plan is much better.
Be careful, the floor over there is still wet.
Every picture on this wall has its own story.
I have been waiting for this moment for years.
The soup needs a little more salt and some pepper.
We tested it twice, and it worked both times.
Some people prefer the city, but I like the country.
The wind was so strong that we could barely stand.
Please sit down, make yourself at home.
He never forgot the kindness of that stranger.
The shop on the corner sells the best bread in town.
Our team finished the work two days early.
You can find the same pattern in shells and leaves.
I would not change a single word of it.
The snow fell all night and covered the road.
Let us begin with the simplest example.
The lamp in the kitchen flickers now and then.
My father taught me how to sharpen a knife.
It takes courage to say that you were wrong.
The museum has a room full of old machines.
Tell me what you would do in my place.
We planted an apple tree when she was born.
The bus was late, so we decided to walk.
Nothing tastes better than bread straight from the oven.
I often think about that long summer by the lake.
The idea is good, but the details matter more.
Look at the big picture before you judge the small one.
She smiled, waved and disappeared around the corner.
The dog barked at the moon for half the night.
There must be another way to solve this problem.
You will feel much better after a good sleep.
The first page is always the hardest to write.
We have enough food for everybody, so please stay.
Birds build their nests high up in that tree.
I can show you a picture of it, if you like.
The paper is thin, but surprisingly strong.
Do you remember the song we used to sing?
The garden looks its best in early June.
He speaks softly, but everyone listens.
Turn right at the lights and go straight on.
What we found there changed the way I think.
My neighbour keeps bees and gives us honey.
The glass is half full, as far as I can see.
We should leave now if we want to catch the ferry.
The rain has stopped, and the air smells fresh.
Practice is boring at first, and then it becomes fun.
A friend of mine builds violins in a tiny workshop.
The water in this valley comes from melted snow.
I promise to call you as soon as I arrive.
Big plans often start with a simple conversation.
The stairs are steep, so hold on to the rail.
Let me repeat the most important point.
They opened a bakery in the middle of the village.
The sky turned orange, then pink, then deep purple.
Everyone makes mistakes, and that is how we learn.
I like the way the light falls through the leaves.
The second half of the film was much better.
You can borrow my umbrella, I have another one.
We counted seven different kinds of butterflies.
The engine started at once and ran all day.
My sister is a nurse in the local hospital.
Keep going, you are almost at the top.
The box was heavy, so we carried it together.
Welcome back, I hope you had a pleasant journey.
The fox crossed the field and vanished in the wood.
Here is a simple trick that saves a lot of time.
People used to send letters, and now they send pictures.
The sound of the bell carries for miles.
I usually read for an hour before I go to sleep.
We are looking for someone who loves to cook.
The boat rocked gently from side to side.
Maybe we should ask somebody who knows the way.
The new school has a wide green roof.
You have a very good eye for colour.
It was neither too hot nor too cold.
The story ends where it began, by the old oak tree.
Let me give you one more reason to believe it.
The baker gets up at four every morning.
Our next stop is a small island in the north.
Thank you for listening, and see you next time.
I hope this helps, and I wish you a wonderful day.""".splitlines()


def random_text(rng: np.random.Generator, seconds: float, sentences: Sequence[str] = SENTENCES) -> str:
    """Enough of the sentences for about `seconds` of speech."""
    words = int(seconds * 2.7) + 1
    out: list[str] = []
    while sum(len(s.split()) for s in out) < words:
        out.append(sentences[rng.integers(len(sentences))])
    return " ".join(out)
